/**
 * What WeChat, or somebody on the way to it, may answer: what the caller gets and what the record becomes.
 * Nothing becomes success without proof; nothing becomes failed without proof.
 */
import {
  orderBody,
  refundBody,
  startStage,
  transferBody,
  type Answer,
  type Stage,
} from './support/stage';
import { forward, startBetween, type Asked } from '../helpers/between';
import type { Fault } from '../../simulator';

const PAID = 'T20260102000001';
const OPEN = 'T20260102000002';
const NEW = 'T20260102000003';
const REFUNDED = 'T20260102000004';
const MINUTE = 60_000;

/** Every kind of call at once, while all of WeChat answers as the test wants. */
interface Outcome {
  readonly answers: Readonly<Record<string, Answer>>;
  readonly stage: Stage;
}

const ROUTE = /\/v3\//;

async function play(faults: readonly Fault[], signErrors = false): Promise<Outcome> {
  const stage = await startStage();
  stage.simulator.switches.refundOutcome = 'never';
  await stage.paid(PAID);
  await stage.paid(REFUNDED);
  await stage.asPayer('wxpay_order', orderBody(OPEN));
  await stage.asOperator('wxpay_refund', refundBody(REFUNDED, 'R0', 60));
  await stage.asOperator('wxpay_transfer', transferBody('B0'));
  stage.simulator.switches.signErrors = signErrors;
  for (const fault of faults) stage.simulator.faults.add(fault);
  const calls: Readonly<Record<string, Promise<Answer>>> = {
    order: stage.asPayer('wxpay_order', orderBody(NEW)),
    query: stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: OPEN }),
    close: stage.asPayer('wxpay_close_order', { out_trade_no: OPEN }),
    refund: stage.asOperator('wxpay_refund', refundBody(PAID, 'R1')),
    refundQuery: stage.asOperator('wxpay_refund_query', { out_refund_no: 'R0' }),
    transfer: stage.asOperator('wxpay_transfer', transferBody('B1')),
    transferQuery: stage.asOperator('wxpay_transfer_bill_query', { out_bill_no: 'B0' }),
  };
  const names = Object.keys(calls);
  const done = await Promise.all(Object.values(calls));
  stage.simulator.faults.clear();
  return { stage, answers: Object.fromEntries(names.map((name, n) => [name, done[n] as Answer])) };
}

/** Whatever came: no success told, nothing paid, closed, refunded, failed or freed. */
async function expectUnproven({ answers, stage }: Outcome): Promise<void> {
  for (const [name, answer] of Object.entries(answers)) {
    const open = answer.status === 202 && (name === 'refund' || name === 'transfer');
    if (open) expect(answer.text).toContain('"PROCESSING"');
    else {
      expect({ name, failed: answer.status >= 400 }).toEqual({ name, failed: true });
      expect(answer.json.code).toBe(-1);
    }
  }
  expect((await stage.order(NEW))?.state).toBe('CREATED');
  expect((await stage.order(OPEN))?.state).toBe('PENDING');
  expect((await stage.order(PAID))?.refunds).toMatchObject([{ status: 'REQUESTED', refund: 100 }]);
  expect((await stage.order(REFUNDED))?.refunds).toMatchObject([{ status: 'PROCESSING' }]);
  expect((await stage.transfer('B1'))?.state).toBe('CREATED');
  expect((await stage.transfer('B0'))?.state).toBe('WAIT_USER_CONFIRM');
}

/** The reserved refund is not free: another number for the same money is refused. */
async function expectReserved(stage: Stage): Promise<void> {
  const again = await stage.asOperator('wxpay_refund', refundBody(PAID, 'R2'));
  expect(again).toMatchObject({ status: 409, json: { error: 'REFUND_EXCEEDS' } });
}

/** With WeChat itself again, everything ends as it should, under the same numbers. */
async function expectHealed(stage: Stage): Promise<void> {
  expect((await stage.asPayer('wxpay_order', orderBody(NEW))).status).toBe(200);
  expect((await stage.asOperator('wxpay_refund', refundBody(PAID, 'R1'))).status).toBe(200);
  expect((await stage.asOperator('wxpay_transfer', transferBody('B1'))).status).toBe(200);
  const sum = stage.simulator
    .refunds()
    .filter((r) => r.out_trade_no === PAID)
    .reduce((total, r) => total + (r.amount as { refund: number }).refund, 0);
  expect(sum).toBe(100);
  expect(stage.simulator.transfers()).toHaveLength(2);
}

describe('replies that prove nothing', () => {
  const all = { route: ROUTE, times: 99 } as const;
  const lie = { status: 'SUCCESS', trade_state: 'SUCCESS', state: 'SUCCESS', prepay_id: 'wx1' };
  const bad: readonly [string, readonly Fault[]][] = [
    ['unsigned', [{ ...all, kind: 'no_signature' }]],
    ['forged', [{ ...all, kind: 'bad_signature' }]],
    ['a probe', [{ ...all, kind: 'probe' }]],
    ['stale', [{ ...all, kind: 'stale_timestamp' }]],
    ['of an unknown serial', [{ ...all, kind: 'unknown_serial' }]],
    ['truncated', [{ ...all, kind: 'truncate' }]],
    ['HTML of a proxy, 502', [{ ...all, kind: 'html' }]],
    ['HTML of a proxy, 200', [{ ...all, kind: 'html', status: 200 }]],
    ['HTML of a proxy, 404', [{ ...all, kind: 'html', status: 404 }]],
    ['202', [{ ...all, kind: 'status', status: 202, body: lie }]],
    ['302', [{ ...all, kind: 'status', status: 302, body: lie }]],
    ['429', [{ ...all, kind: 'status', status: 429 }]],
    ['500', [{ ...all, kind: 'status', status: 500 }]],
    ['503', [{ ...all, kind: 'status', status: 503 }]],
    ['500 after it was done', [{ ...all, kind: 'status_after', status: 500 }]],
    ['a broken connection', [{ ...all, kind: 'drop_before' }]],
  ];

  test.concurrent.each(bad)('%s', async (_name, faults) => {
    const outcome = await play(faults);
    try {
      await expectUnproven(outcome);
      await expectReserved(outcome.stage);
      await expectHealed(outcome.stage);
    } finally {
      await outcome.stage.close();
    }
  });

  test('proven, but of another number or shape: not ours', async () => {
    const body = { ...lie, out_trade_no: 'T99999999999999', out_refund_no: 'X', out_bill_no: 'X' };
    const outcome = await play([
      { ...all, kind: 'status', status: 200, body: { ...body, prepay_id: 7 } },
    ]);
    try {
      await expectUnproven(outcome);
      await expectReserved(outcome.stage);
    } finally {
      await outcome.stage.close();
    }
  });

  test('signed by the wrong key scheme: a platform certificate we do not hold', async () => {
    const stage = await startStage();
    try {
      stage.simulator.switches.responseKey = 'certificate';
      stage.simulator.faults.add({
        route: 'GET /v3/certificates',
        kind: 'status',
        status: 404,
        times: 99,
      });
      const answer = await stage.asPayer('wxpay_order', orderBody(NEW));
      expect(answer.json.code).toBe(-1);
      expect((await stage.order(NEW))?.state).toBe('CREATED');
    } finally {
      await stage.close();
    }
  });
});

describe('refusals', () => {
  const codes: readonly [number, string][] = [
    [400, 'PARAM_ERROR'],
    [400, 'INVALID_REQUEST'],
    [400, 'APPID_MCHID_NOT_MATCH'],
    [400, 'MCH_NOT_EXISTS'],
    [400, 'ORDER_CLOSED'],
    [400, 'ORDERCLOSED'],
    [400, 'ORDER_PAID'],
    [400, 'ORDERPAID'],
    [400, 'ALREADY_EXISTS'],
    [401, 'SIGN_ERROR'],
    [403, 'NO_AUTH'],
    [403, 'OUT_TRADE_NO_USED'],
    [403, 'RULE_LIMIT'],
    [403, 'TRADE_ERROR'],
    [403, 'ACCOUNT_ERROR'],
    [403, 'NOT_ENOUGH'],
    [403, 'USER_ACCOUNT_ABNORMAL'],
    [403, 'REQUEST_BLOCKED'],
    [404, 'ORDER_NOT_EXIST'],
    [404, 'ORDERNOTEXIST'],
    [404, 'RESOURCE_NOT_EXISTS'],
    [404, 'NOT_FOUND'],
    [400, 'BRAND_NEW_CODE'],
    [418, '__proto__'],
  ];
  const fault = (status: number, code: string): readonly Fault[] => [
    { route: ROUTE, times: 99, kind: 'status', status, body: { code, message: '原因' } },
  ];

  test.concurrent.each(codes)(
    '%i %s, unsigned: shown to the caller, proves nothing',
    async (status, code) => {
      const outcome = await play(fault(status, code));
      try {
        await expectUnproven(outcome);
        expect(outcome.answers.order?.json).toMatchObject({
          error: 'WECHATPAY_REJECTED',
          data: { status, code },
        });
        await expectReserved(outcome.stage);
      } finally {
        await outcome.stage.close();
      }
    },
  );

  /** Not known to say that nothing was done: the number and the money stay reserved. */
  const OPEN_CODES = new Set([
    'ALREADY_EXISTS',
    'ORDER_PAID',
    'ORDERPAID',
    'OUT_TRADE_NO_USED',
    'BRAND_NEW_CODE',
    '__proto__',
  ]);

  test.concurrent.each(codes)(
    '%i %s, signed: never success, and never more than it says',
    async (status, code) => {
      const outcome = await play(fault(status, code), true);
      const { answers, stage } = outcome;
      try {
        for (const answer of Object.values(answers)) {
          expect(answer.status).toBeGreaterThanOrEqual(400);
          expect(answer.json.code).toBe(-1);
        }
        expect(['REJECTED', 'CREATED']).toContain((await stage.order(NEW))?.state);
        expect((await stage.order(OPEN))?.state).toBe('PENDING');
        // No error code is a verdict on a transfer.
        expect((await stage.transfer('B1'))?.state).toBe('CREATED');
        expect((await stage.transfer('B0'))?.state).toBe('WAIT_USER_CONFIRM');
        expect((await stage.order(REFUNDED))?.refunds).toMatchObject([{ status: 'PROCESSING' }]);
        const refund = (await stage.order(PAID))?.refunds[0];
        if (refund?.status !== 'REQUESTED') {
          expect(refund).toMatchObject({ status: 'CLOSED', verdict: 'rejected', attempts: 1 });
          expect(OPEN_CODES.has(code)).toBe(false);
        }
      } finally {
        await stage.close();
      }
    },
  );
});

/** Keeps what is sent to make a refund, while it `holds`, and sends it on later as it was signed then. */
async function startHolder() {
  const between = await startBetween();
  const held: Asked[] = [];
  const sendOn = async (asked: Asked): Promise<number> =>
    (await forward(between.target, asked)).status;
  const release = (): Promise<number[]> => Promise.all(held.splice(0).map(sendOn));
  const holder = { holds: false, held, release };
  between.choose = (asked) => {
    const isRefund = asked.method === 'POST' && asked.path.startsWith('/v3/refund');
    if (!holder.holds || !isRefund) return undefined;
    held.push(asked);
    return () => Promise.resolve(undefined);
  };
  return { holder, between };
}

describe('the double refund', () => {
  test('a request that arrives after we gave up never adds to another one', async () => {
    const { holder, between } = await startHolder();
    const stage = await startStage({ baseUrl: () => between.url });
    try {
      between.target = stage.simulator.url;
      await stage.paid(PAID);
      const atWechat = (): number =>
        stage.simulator
          .refunds()
          .filter((r) => r.status !== 'CLOSED')
          .reduce((sum, r) => sum + (r.amount as { refund: number }).refund, 0);
      holder.holds = true;
      expect((await stage.asOperator('wxpay_refund', refundBody(PAID, 'R1'))).status).toBe(202);
      expect(holder.held.length).toBeGreaterThan(0);

      // Unsigned 404s to every question: R1 stays reserved however often it is asked, and R2 is refused.
      for (let n = 0; n < 20; n++) {
        await stage.simulator.clock.advance(MINUTE);
        await stage.asOperator('wxpay_refund_query', { out_refund_no: 'R1' });
        await stage.asOperator('wxpay_sweep', {});
      }
      expect((await stage.order(PAID))?.refunds).toMatchObject([{ status: 'REQUESTED' }]);
      await expectReserved(stage);
      expect(atWechat()).toBe(0);

      // Only proven ones, a minute apart, ten minutes after the last copy was sent, free the money.
      stage.simulator.switches.signErrors = true;
      holder.holds = false;
      await stage.simulator.clock.advance(11 * MINUTE);
      await stage.asOperator('wxpay_refund_query', { out_refund_no: 'R1' });
      await expectReserved(stage);
      await stage.simulator.clock.advance(MINUTE);
      await stage.asOperator('wxpay_refund_query', { out_refund_no: 'R1' });
      expect((await stage.order(PAID))?.refunds).toMatchObject([
        { status: 'CLOSED', verdict: 'rejected' },
      ]);
      expect((await stage.asOperator('wxpay_refund', refundBody(PAID, 'R2'))).status).toBe(200);
      expect(atWechat()).toBe(100);

      // The copies kept on the way arrive now: WeChat's window over their signatures keeps them out.
      expect(new Set(await holder.release())).toEqual(new Set([401]));
      expect(atWechat()).toBe(100);
    } finally {
      await stage.close();
      await between.close();
    }
  });

  test('a copy that arrives in time is the refund itself: one number, one amount', async () => {
    const { holder, between } = await startHolder();
    const stage = await startStage({ baseUrl: () => between.url });
    try {
      between.target = stage.simulator.url;
      await stage.paid(PAID);
      holder.holds = true;
      await stage.asOperator('wxpay_refund', refundBody(PAID, 'R1'));
      holder.holds = false;
      await expectReserved(stage);
      await stage.simulator.clock.advance(4 * MINUTE);
      await holder.release();
      await stage.asOperator('wxpay_refund_query', { out_refund_no: 'R1' });
      expect((await stage.order(PAID))?.refunds[0]?.status).toBe('SUCCESS');
      expect((await stage.asOperator('wxpay_refund', refundBody(PAID, 'R1'))).status).toBe(200);
      expect(stage.simulator.refunds()).toHaveLength(1);
    } finally {
      await stage.close();
      await between.close();
    }
  });

  test('raced by twenty operators with twenty numbers: never more than was paid', async () => {
    const stage = await startStage();
    try {
      await stage.paid(PAID);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stage.asOperator('wxpay_refund', refundBody(PAID, `R${String(n)}`, 30)),
        ),
      );
      expect(answers.filter((a) => a.status === 200)).toHaveLength(3);
      expect(answers.filter((a) => a.json.error === 'REFUND_EXCEEDS')).toHaveLength(17);
      expect(stage.simulator.refunds()).toHaveLength(3);
    } finally {
      await stage.close();
    }
  });
});
