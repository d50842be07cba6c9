/** What one caller may cost us and WeChat: orders, queries of numbers not held, transfers of a day. */
import { decideTransfer } from '../../services/ledger/transferState';
import {
  inProcess,
  orderBody,
  OTHER,
  PAYER,
  startStage,
  transferBody,
  type Stage,
} from './support/stage';
import { combineBody } from './support/bodies';
import { freeTimers, holdTimers } from '../helpers/waiting';

let stage: Stage;
afterEach(() => {
  freeTimers();
  return stage.close();
});

const numbers = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => `T2026010200${String(i).padStart(4, '0')}`);
const gets = (): number => stage.simulator.requests.filter((r) => r.method === 'GET').length;

const bound = (target: object, value: unknown): unknown =>
  typeof value === 'function' ? (value as () => unknown).bind(target) : value;

describe('orders of one payer', () => {
  beforeEach(async () => {
    stage = await startStage({ env: { ordersPerMinute: '5' } });
  });

  test('one above the limit: 429 with Retry-After; others and repeats go on; later he may again', async () => {
    for (const no of numbers(5))
      expect((await stage.asPayer('wxpay_order', orderBody(no))).status).toBe(200);
    const sixth = await stage.asPayer('wxpay_order', orderBody('T20260102990006'));
    expect(sixth).toMatchObject({ status: 429, json: { error: 'RATE_LIMITED' } });
    expect(Number(sixth.headers['retry-after'])).toBeGreaterThan(0);
    expect(await stage.order('T20260102990006')).toBeUndefined();
    const repeat = await stage.asPayer('wxpay_order', orderBody(numbers(1)[0] ?? ''));
    expect(repeat.status).toBe(200);
    const other = await stage.asPayer('wxpay_order', orderBody('T20260102990007'), OTHER);
    expect(other.status).toBe(200);
    await stage.simulator.clock.advance(61_000);
    expect((await stage.asPayer('wxpay_order', orderBody('T20260102990006'))).status).toBe(200);
  });

  test('forty at once get no further than forty in turn', async () => {
    const answers = await Promise.all(
      numbers(40).map((no) => stage.asPayer('wxpay_order', orderBody(no))),
    );
    const placed = answers.filter((a) => a.status === 200).length;
    expect(placed).toBeGreaterThan(0);
    expect(placed).toBeLessThanOrEqual(5);
    expect(answers.filter((a) => a.status === 429)).toHaveLength(40 - placed);
  });

  inProcess('also where the database takes its time to count', async () => {
    const { store } = stage.service;
    if (store === undefined) throw new Error('no store');
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
    const active: typeof store.active = async (...args) => {
      const found = await store.active(...args);
      await pause();
      return found;
    };
    const slow = new Proxy(store, {
      get: (target, name) =>
        name === 'active' ? active : bound(target, Reflect.get(target, name) as unknown),
    });
    const other = await startStage({ env: { ordersPerMinute: '5' }, overrides: { store: slow } });
    try {
      const all = numbers(40).map((no) => other.asPayer('wxpay_order', orderBody(no)));
      const repeats = numbers(1).map((no) => other.asPayer('wxpay_order', orderBody(no)));
      const answers = await Promise.all(all);
      expect(answers.filter((a) => a.status === 200)).toHaveLength(5);
      expect(answers.filter((a) => a.status === 429)).toHaveLength(35);
      expect((await Promise.all(repeats)).map((a) => a.status)).toEqual([200]);
    } finally {
      await other.close();
    }
  });

  test('operators are not limited', async () => {
    for (const no of numbers(8)) {
      const body = { ...orderBody(no), payer: { openid: PAYER } };
      expect((await stage.asOperator('wxpay_order', body)).status).toBe(200);
    }
  });
});

describe("a payer's questions about numbers not held", () => {
  const LIMIT = 30;
  beforeEach(async () => {
    stage = await startStage();
  });

  test.each([
    ['wxpay_query_order_by_out_trade_no', 'out_trade_no'],
    ['wxpay_query_order_by_transaction_id', 'transaction_id'],
    ['wxpay_combine_query', 'combine_out_trade_no'],
  ])('%s: bounded at WeChat, then 429; a minute later again', async (name, field) => {
    const answers = [];
    for (const no of numbers(LIMIT + 20)) answers.push(await stage.asPayer(name, { [field]: no }));
    expect(answers.slice(0, LIMIT).every((a) => a.status === 404)).toBe(true);
    expect(answers.slice(LIMIT).every((a) => a.status === 429)).toBe(true);
    expect(answers.at(-1)?.headers['retry-after']).toBeDefined();
    expect(gets()).toBe(LIMIT);
    expect((await stage.asPayer(name, { [field]: 'T20260102999999' }, OTHER)).status).toBe(404);
    await stage.simulator.clock.advance(60_000);
    expect((await stage.asPayer(name, { [field]: 'T20260102999999' })).status).toBe(404);
  });

  test('anyone who has used up his questions cannot tell taken numbers from free ones', async () => {
    const paid = await stage.paid('T20260102888888');
    const id = paid.payment?.transaction_id ?? '';
    const combined = combineBody('C20260102888888', ['T20260102888881', 'T20260102888882']);
    expect((await stage.asPayer('wxpay_order_combine', combined)).status).toBe(200);
    const ask = async (body: object, name: string): Promise<unknown> => {
      const { status, json } = await stage.asPayer(name, body, OTHER);
      return [status, json.error];
    };
    const pairs: readonly [string, object, object][] = [
      [
        'wxpay_query_order_by_out_trade_no',
        { out_trade_no: 'T20260102888888' },
        { out_trade_no: 'T20260102999999' },
      ],
      [
        'wxpay_query_order_by_transaction_id',
        { transaction_id: id },
        { transaction_id: '4200000000202601029999999999' },
      ],
      [
        'wxpay_combine_query',
        { combine_out_trade_no: 'C20260102888888' },
        { combine_out_trade_no: 'C20260102999999' },
      ],
    ];
    for (let round = 0; round < LIMIT; round++) {
      for (const [name, taken, free] of pairs) {
        expect(await ask(taken, name)).toEqual(await ask(free, name));
      }
    }
    for (const [name, taken, free] of pairs) {
      expect(await ask(taken, name)).toEqual([429, 'RATE_LIMITED']);
      expect(await ask(free, name)).toEqual([429, 'RATE_LIMITED']);
    }
  });

  test('those at once count as well', async () => {
    await Promise.all(
      numbers(100).map((no) =>
        stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: no }),
      ),
    );
    expect(gets()).toBe(LIMIT);
  });

  test('his own orders and operators are not counted', async () => {
    await stage.asPayer('wxpay_order', orderBody('T20260102000001'));
    for (let n = 0; n < LIMIT + 5; n++) {
      const own = { out_trade_no: 'T20260102000001' };
      expect((await stage.asPayer('wxpay_query_order_by_out_trade_no', own)).status).toBe(200);
    }
    for (const no of numbers(LIMIT + 5).slice(1)) {
      const answer = await stage.asOperator('wxpay_query_order_by_out_trade_no', {
        out_trade_no: no,
      });
      expect([200, 404]).toContain(answer.status);
    }
  });

  test('a crowd of made-up openids is bounded in memory and at WeChat', async () => {
    // A call is repeated after 5 s, and would be counted twice: here they never pass.
    holdTimers();
    const ask = (n: number) =>
      stage.asPayer(
        'wxpay_query_order_by_out_trade_no',
        { out_trade_no: 'T20260102999999' },
        `oCrowd_${String(n).padStart(21, '0')}`,
      );
    const answers = await Promise.all(Array.from({ length: 700 }, (_, n) => ask(n)));
    expect(gets()).toBeLessThanOrEqual(600);
    expect(answers.some((a) => a.status === 429)).toBe(true);
  });
});

describe('transfers', () => {
  test('above transferMaxFen: 403, not recorded, not sent', async () => {
    stage = await startStage();
    const answer = await stage.asOperator('wxpay_transfer', transferBody('B1', 20_001));
    expect(answer).toMatchObject({ status: 403, json: { error: 'TRANSFER_LIMIT' } });
    expect(await stage.transfer('B1')).toBeUndefined();
  });

  test('raced over the limit of a day: never more goes out, and none that went is called failed', async () => {
    stage = await startStage({ env: { transferDayFen: '150' } });
    const asked = ['B1', 'B2', 'B1', 'B2', 'B1', 'B2'].map((no) =>
      stage.asOperator('wxpay_transfer', transferBody(no, 100)),
    );
    await Promise.all(asked);
    const atWechat = stage.simulator.transfers();
    expect(atWechat.length).toBeLessThanOrEqual(1);
    for (const { out_bill_no: no } of atWechat) {
      expect((await stage.transfer(String(no)))?.state).not.toBe('FAIL');
    }
  });

  test('one that may have been sent is never ended by our own word', async () => {
    stage = await startStage();
    await stage.asOperator('wxpay_transfer', transferBody('B1'));
    const sent = await stage.transfer('B1');
    if (sent === undefined) throw new Error('not held');
    const created = { ...sent, state: 'CREATED' as const, attempts: 1 };
    const facts = { out_bill_no: 'B1', state: 'FAIL', fail_reason: 'DAY_LIMIT' } as const;
    const ours = { type: 'seen', facts, source: 'system', proof: 'none' } as const;
    const context = { now: stage.simulator.clock.now(), sink: false };
    expect(decideTransfer(created, ours, context).kind).toBe('ignored');
    expect(decideTransfer({ ...created, attempts: 0 }, ours, context).kind).toBe('next');
  });
});
