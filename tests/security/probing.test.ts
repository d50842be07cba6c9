/**
 * Which numbers exist is nobody's business: anyone who asks about one that is not his gets the same answer for one
 * that is taken and for one that is not, after the same questions to WeChat, and not without end.
 */
import { combineBody } from './support/bodies';
import {
  OTHER,
  orderBody,
  PAYER,
  refundBody,
  startStage,
  transferBody,
  type Stage,
} from './support/stage';

const LIMIT = 30;
const TAKEN = 'T20260102000001';
const FREE = 'T20260102999999';
const WHOLE = 'C20260102000001';
const FREE_WHOLE = 'C20260102999999';

let stage: Stage;
afterEach(() => stage.close());

/** What is told of an answer, and what it cost at WeChat. */
async function told(name: string, body: object): Promise<unknown> {
  const before = stage.simulator.requests.length;
  const { status, json } = await stage.asPayer(name, body, OTHER);
  const { requestId: _id, ...rest } = json;
  const asked = stage.simulator.requests.slice(before).map(({ method }) => method);
  return { status, rest, asked };
}

interface Probe {
  readonly name: string;
  readonly taken: object;
  readonly free: object;
}

/** One of each, held here and at WeChat, all PAYER's. */
async function hold(): Promise<Readonly<Record<string, string>>> {
  const paid = await stage.paid(TAKEN);
  await stage.asOperator('wxpay_refund', refundBody(TAKEN, 'R1'));
  await stage.asPayer(
    'wxpay_order_combine',
    combineBody(WHOLE, ['T20260102000011', 'T20260102000012']),
  );
  await stage.asOperator('wxpay_transfer', transferBody('B1'));
  const transfer = await stage.transfer('B1');
  return {
    transaction_id: paid.payment?.transaction_id ?? '',
    transfer_bill_no: transfer?.transfer_bill_no ?? '',
  };
}

const probesOf = (held: Readonly<Record<string, string>>): readonly Probe[] => {
  const pair = (name: string, field: string, taken: string, free: string): Probe => ({
    name,
    taken: { [field]: taken },
    free: { [field]: free },
  });
  const { transaction_id = '', transfer_bill_no = '' } = held;
  return [
    ...['wxpay_order', 'wxpay_order_native', 'wxpay_order_app'].map((name) =>
      pair(name, 'out_trade_no', TAKEN, FREE),
    ),
    pair('wxpay_query_order_by_out_trade_no', 'out_trade_no', TAKEN, FREE),
    pair(
      'wxpay_query_order_by_transaction_id',
      'transaction_id',
      transaction_id,
      '4200000000202601029999999999',
    ),
    pair('wxpay_close_order', 'out_trade_no', TAKEN, FREE),
    pair('wxpay_refund_query', 'out_refund_no', 'R1', 'R9'),
    pair('wxpay_combine_query', 'combine_out_trade_no', WHOLE, FREE_WHOLE),
    pair('wxpay_combine_close', 'combine_out_trade_no', WHOLE, FREE_WHOLE),
    pair('wxpay_transfer_bill_query', 'out_bill_no', 'B1', 'B9'),
    pair('wxpay_transfer_bill_query_by_no', 'transfer_bill_no', transfer_bill_no, '1330000099999'),
  ];
};

describe.each(['false', 'true'])('requirePreparedOrders=%s', (requirePreparedOrders) => {
  test('a taken number and a free one: same answer, same questions, same limit', async () => {
    // Held before the setting is turned on, so that there is something to hold.
    stage = await startStage({ env: { ordersPerMinute: '1000' } });
    const held = await hold();
    const at = stage;
    if (requirePreparedOrders === 'true') {
      stage = await startStage({
        at: at.simulator,
        env: { requirePreparedOrders },
        overrides: { ...(at.service.store === undefined ? {} : { store: at.service.store }) },
      });
    }
    try {
      for (const { name, taken, free } of probesOf(held)) {
        await stage.simulator.clock.advance(60_000);
        for (let n = 0; n < LIMIT / 2; n++) {
          const answer = await told(name, taken);
          expect({ name, answer }).toEqual({ name, answer: await told(name, free) });
          expect(answer).toMatchObject({ status: expect.any(Number) as number });
          expect((answer as { status: number }).status).not.toBe(429);
        }
        for (const body of [taken, free]) {
          const answer = await told(name, body);
          expect({ name, answer }).toMatchObject({ name, answer: { status: 429, asked: [] } });
        }
      }
    } finally {
      if (at !== stage) await at.close();
    }
  });
});

test('anyone who would bind one that is prepared for another learns that it is taken, 30 times a minute', async () => {
  stage = await startStage({ env: { requirePreparedOrders: 'true' } });
  await stage.asOperator('wxpay_prepare_order', { ...orderBody(TAKEN), payer: { openid: PAYER } });
  for (let n = 0; n < LIMIT; n++) {
    const answer = await told('wxpay_order', { out_trade_no: TAKEN });
    expect(answer).toMatchObject({ status: 409, rest: { error: 'ORDER_TAKEN' }, asked: [] });
  }
  for (const out_trade_no of [TAKEN, FREE]) {
    expect(await told('wxpay_order', { out_trade_no })).toMatchObject({ status: 429, asked: [] });
  }
});

test('anyone who would make a number learns that it is taken, 30 times a minute', async () => {
  stage = await startStage();
  await stage.asPayer('wxpay_order', orderBody(TAKEN));
  await stage.asPayer(
    'wxpay_order_combine',
    combineBody(WHOLE, ['T20260102000011', 'T20260102000012']),
  );
  const tries: readonly [string, object][] = [
    ['wxpay_order', orderBody(TAKEN)],
    ['wxpay_order', orderBody('T20260102000011')],
    ['wxpay_order_combine', combineBody(WHOLE, ['T20260102000021', 'T20260102000022'])],
    ['wxpay_order_combine', combineBody(FREE_WHOLE, [TAKEN, 'T20260102000022'])],
    ['wxpay_order_combine', combineBody(FREE_WHOLE, ['T20260102000012', 'T20260102000022'])],
  ];
  for (let n = 0; n < LIMIT / 5; n++) {
    for (const [name, body] of tries) {
      expect(await told(name, body)).toMatchObject({ status: 409, rest: { error: 'ORDER_TAKEN' } });
    }
  }
  for (const [name, body] of tries) expect(await told(name, body)).toMatchObject({ status: 429 });
});

test('guessing the price of a number that is bound to nobody is counted', async () => {
  stage = await startStage({ env: { requirePreparedOrders: 'true' } });
  await stage.asOperator('wxpay_prepare_order', orderBody(TAKEN, 500));
  for (let n = 1; n <= LIMIT; n++) {
    expect(await told('wxpay_order', orderBody(TAKEN, n))).toMatchObject({ status: 409 });
  }
  expect(await told('wxpay_order', orderBody(TAKEN, 499))).toMatchObject({ status: 429 });
});
