/**
 * Who may do what: every route of the table × everyone who might call it. The expectation is written down
 * here from the contract, by role; a route added without a line here fails.
 */
import { PAY_ROUTES } from '../../routes/payRoutes';
import type { Simulator } from '../../simulator';
import {
  CLERK,
  number,
  operator,
  OPERATOR_KEY,
  orderBody,
  OTHER,
  payer,
  PAYER,
  placePaid,
  READ_KEY,
  refundBody,
  startService,
  startSim,
  SWEEP_KEY,
  transferBody,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

/** How a call ended: let in, or turned away. What it did inside is other tests' business. */
type Outcome = 'in' | 'nobody' | 'forbidden' | 'absent' | 'taken' | 'disabled';

const CALLERS = {
  nobody: {},
  payer: payer(),
  other: payer(OTHER),
  clerk: payer(CLERK),
  all: operator(OPERATOR_KEY),
  read: operator(READ_KEY),
  sweep: operator(SWEEP_KEY),
  wrong: operator('operator-key-that-nobody-was-given-00'),
  'wrong key beside a payer': {
    ...operator('operator-key-that-nobody-was-given-00'),
    ...payer(),
  },
} as const;
type Who = keyof typeof CALLERS;
type Row = Readonly<Record<Exclude<Who, 'nobody' | 'wrong' | 'wrong key beside a payer'>, Outcome>>;

const PLACING: Row = {
  payer: 'in',
  other: 'in',
  clerk: 'in',
  all: 'in',
  read: 'forbidden',
  sweep: 'forbidden',
};
/** The clerk's openid counts as an operator's for reading and refunds. */
const OWNER: Row = { ...PLACING, other: 'absent', read: 'in' };
const OPERATOR: Row = {
  payer: 'forbidden',
  other: 'forbidden',
  clerk: 'in',
  all: 'in',
  read: 'forbidden',
  sweep: 'forbidden',
};
const READS: Row = { ...OPERATOR, read: 'in' };
const KEY_ALONE: Row = { ...OPERATOR, clerk: 'forbidden' };

const EXPECTED: Readonly<Record<string, Row>> = {
  wxpay_order: PLACING,
  wxpay_order_h5: PLACING,
  wxpay_order_native: PLACING,
  wxpay_order_app: PLACING,
  wxpay_order_combine: PLACING,
  wxpay_combine_query: OWNER,
  wxpay_combine_close: { ...OWNER, read: 'forbidden', clerk: 'absent' },
  wxpay_order_codepay: KEY_ALONE,
  wxpay_reverse: KEY_ALONE,
  wxpay_prepare_order: KEY_ALONE,
  wxpay_query_order_by_out_trade_no: OWNER,
  wxpay_query_order_by_transaction_id: OWNER,
  // Closing is neither a read nor a refund: a clerk's openid has no more right to it than any payer's.
  wxpay_close_order: { ...OWNER, read: 'forbidden', clerk: 'absent' },
  wxpay_refund: OPERATOR,
  wxpay_refund_abnormal: KEY_ALONE,
  wxpay_refund_query: OWNER,
  wxpay_transfer: KEY_ALONE,
  wxpay_transfer_cancel: KEY_ALONE,
  wxpay_transfer_bill_query: OWNER,
  wxpay_transfer_batch_query: OWNER,
  wxpay_transfer_bill_query_by_no: OWNER,
  wxpay_bill: READS,
  wxpay_reconcile: KEY_ALONE,
  wxpay_sweep: { ...KEY_ALONE, sweep: 'in' },
  wxpay_records: READS,
  wxpay_record: READS,
  wxpay_redeliver: KEY_ALONE,
  records: READS,
  'records/:kind/:no': READS,
  'records/:kind/:no/redeliver': KEY_ALONE,
};

interface World {
  readonly no: string;
  readonly transaction_id: unknown;
  readonly refund: string;
  readonly transfer: string;
  readonly transfer_bill_no: unknown;
  readonly combination: string;
}

/** One order of PAYER's, paid and partly refunded, a combination, and one transfer to him. */
async function populate(run: Running, sim: Simulator): Promise<World> {
  const no = number('W');
  const refund = number('R');
  const transfer = number('T').slice(0, 32);
  await placePaid(run, sim, no);
  await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 10), operator());
  await run.call('/wx-pay/wxpay_transfer', transferBody(transfer), operator());
  const combination = number('M');
  const parts = [number('S'), number('S')].map((part) => ({
    out_trade_no: part,
    description: '子单',
    amount: { total_amount: 10, currency: 'CNY' },
  }));
  await run.call(
    '/wx-pay/wxpay_order_combine',
    { type: 'jsapi', combine_out_trade_no: combination, sub_orders: parts },
    payer(),
  );
  const { transaction_id } = sim.order(no) as Json;
  const { transfer_bill_no } = sim.transfer(transfer) as Json;
  return { no, refund, transfer, transaction_id, transfer_bill_no, combination };
}

const JSON_POST = { 'content-type': 'application/json' };

function bodyFor(name: string, world: World): Json {
  const { no, refund, transfer, transaction_id, transfer_bill_no, combination } = world;
  if (name.startsWith('wxpay_combine_')) return { combine_out_trade_no: combination };
  if (name.startsWith('wxpay_order')) return { ...orderBody(number('P')) };
  if (name.includes('by_transaction_id')) return { transaction_id };
  if (name === 'wxpay_refund_query') return { out_refund_no: refund };
  if (name.endsWith('bill_query_by_no')) return { transfer_bill_no };
  if (name.includes('_bill_query') || name.includes('batch_query'))
    return { out_bill_no: transfer };
  if (name === 'wxpay_query_order_by_out_trade_no') return { out_trade_no: no };
  if (name === 'wxpay_close_order') return { out_trade_no: no };
  // Operators' routes: who gets in is told that this field is wrong; nobody else hears even that.
  return { never: 'a field' };
}

function ask(run: Running, name: string, world: World, headers: Json): Promise<Answer> {
  const spec = PAY_ROUTES.find((route) => route.name === name);
  const path = `/wx-pay/${name.replace(':kind', 'order').replace(':no', world.no)}`;
  const text = JSON.stringify(bodyFor(name, world));
  const sent = { ...JSON_POST, ...headers } as Record<string, string>;
  return spec?.method === 'GET'
    ? run.get(path, headers as Record<string, string>)
    : run.send('POST', path, text, sent);
}

const BY_CODE: Readonly<Record<string, Outcome>> = {
  UNAUTHENTICATED: 'nobody',
  FORBIDDEN: 'forbidden',
  OPERATOR_DISABLED: 'disabled',
  ORDER_NOT_FOUND: 'absent',
  REFUND_NOT_FOUND: 'absent',
  TRANSFER_NOT_FOUND: 'absent',
};
const STATUS_OF: Readonly<Record<Outcome, number>> = {
  in: 0,
  nobody: 401,
  forbidden: 403,
  disabled: 403,
  absent: 404,
  taken: 409,
};

function outcomeOf(answer: Answer): Outcome {
  const outcome = BY_CODE[String(answer.body.error)] ?? 'in';
  if (outcome !== 'in') {
    expect(answer.status).toBe(STATUS_OF[outcome]);
    expect(answer.body).toMatchObject({ code: -1, data: null });
    expect(answer.text).not.toContain(PAYER);
  }
  return outcome;
}

describe('every route and everyone', () => {
  let sim: Simulator;
  let run: Running;
  let world: World;

  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim, env: { operatorOpenids: CLERK } });
    world = await populate(run, sim);
  });

  test('no route is without its line in this table', () => {
    expect(PAY_ROUTES.map((route) => route.name).filter((name) => !(name in EXPECTED))).toEqual([]);
  });

  test.each(PAY_ROUTES.map((route) => route.name))('%s', async (name) => {
    const seen: Record<string, Outcome> = {};
    for (const [who, headers] of Object.entries(CALLERS)) {
      // Close last of all: it would change what the others see. The order is paid, so it is only refused.
      seen[who] = outcomeOf(await ask(run, name, world, headers));
    }
    expect(seen).toEqual({
      ...EXPECTED[name],
      nobody: 'nobody',
      wrong: 'nobody',
      'wrong key beside a payer': 'nobody',
    });
  });
});

describe('an operator known by openid', () => {
  test.each([
    ['by header, trustWxHeaders set by hand', { trustWxHeaders: 'true' }, 'in'],
    // Inside SCF headers are believed for payers, not for those who move money out.
    [
      'by header, trusted only because inside SCF',
      { trustWxHeaders: undefined, SCF_RUNTIME: 'Nodejs18.15' },
      'forbidden',
    ],
    ['by header, not trusted at all', { trustWxHeaders: 'false' }, 'nobody'],
  ] as const)('%s', async (_name, env, expected) => {
    const sim = await startSim();
    const run = await startService({ sim, env: { operatorOpenids: CLERK, ...env } });
    const headers = { ...JSON_POST, ...payer(CLERK) };
    const refund = await run.send('POST', '/wx-pay/wxpay_refund', '{"never":1}', headers);
    expect(outcomeOf(refund)).toBe(expected);
    const list = await run.get('/wx-pay/records', payer(CLERK));
    expect(outcomeOf(list)).toBe(expected);
    const transfer = await run.send('POST', '/wx-pay/wxpay_transfer', '{"never":1}', headers);
    expect(outcomeOf(transfer)).toBe(expected === 'nobody' ? 'nobody' : 'forbidden');
  });

  test('may refund another payer’s order, and may not close it', async () => {
    const sim = await startSim();
    const run = await startService({ sim, env: { operatorOpenids: CLERK } });
    const paid = number('P');
    await placePaid(run, sim, paid);
    const refund = refundBody(paid, number('R'), 10);
    expect((await run.call('/wx-pay/wxpay_refund', refund, payer(CLERK))).status).toBe(200);
    const open = number('P');
    await run.call('/wx-pay/wxpay_order', orderBody(open), payer());
    const close = { out_trade_no: open };
    expect((await run.call('/wx-pay/wxpay_close_order', close, payer(CLERK))).status).toBe(404);
    expect((await run.order(open)).state).toBe('PENDING');
  });
});

test('without operatorKeys operator routes say how to enable them, to anyone', async () => {
  const sim = await startSim();
  const run = await startService({ sim, env: { operatorKeys: undefined } });
  const operators = PAY_ROUTES.filter(
    (route) => !['payer', 'owner', 'ownerActs'].includes(route.access),
  );
  expect(operators.length).toBeGreaterThan(8);
  const world = { no: 'NUMBER01', refund: 'r', transfer: 't' } as World;
  for (const { name } of operators) {
    for (const headers of [{}, payer(), operator()]) {
      const answer = await ask(run, name, world, headers);
      expect([name, outcomeOf(answer)]).toEqual([name, 'disabled']);
      expect(answer.body.msg).toMatch(/operatorKeys/);
    }
  }
  expect((await run.get('/metrics')).status).toBe(403);
});

describe('headers', () => {
  test.each([
    ['too short', 'oShort'],
    ['not of openid characters', 'oPayer 00000000000000000001'],
    ['sent twice', 'oPayer_0000000000000000001, oPayer_0000000000000000001'],
    ['empty', ''],
  ])('an openid %s is nobody', async (_name, openid) => {
    const run = await startService({ sim: await startSim() });
    const answer = await run.call('/wx-pay/wxpay_order', orderBody(number('P')), {
      'x-wx-openid': openid,
    });
    expect(answer).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } });
  });

  test('x-wx-appid must be one of ours; run-time marks and a body prove nothing', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const asked = (headers: Json, more: Json = {}): Promise<Answer> =>
      run.call(
        '/wx-pay/wxpay_order',
        { ...orderBody(number('P')), ...more },
        headers as Record<string, string>,
      );
    const { appId, service_app_id } = sim.credentials;
    expect((await asked({ ...payer(), 'x-wx-appid': appId })).status).toBe(200);
    expect((await asked({ ...payer(), 'x-wx-appid': service_app_id })).status).toBe(200);
    expect((await asked({ ...payer(), 'x-wx-appid': 'wxaaaaaaaaaaaaaaaa' })).status).toBe(401);
    const marks = { 'x-wx-source': 'wx_client', 'x-tcb-integration-id': 'x', 'x-wx-appid': appId };
    expect((await asked(marks, { payer: { openid: PAYER } })).status).toBe(401);
  });

  test('without trustWxHeaders an openid header is nobody', async () => {
    const run = await startService({ sim: await startSim(), env: { trustWxHeaders: undefined } });
    const answer = await run.call('/wx-pay/wxpay_order', orderBody(number('P')), payer());
    expect(answer).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } });
  });

  test('a Bearer that is not ours is refused, or passed over where the setting says so', async () => {
    const sim = await startSim();
    const headers = { ...payer(), authorization: 'Bearer a.b.c' };
    const strict = await startService({ sim });
    const refused = await strict.call('/wx-pay/wxpay_order', orderBody(number('P')), headers);
    expect(refused).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } });
    expect(refused.body.msg).toMatch(/foreignBearer/);
    const lenient = await startService({ sim, env: { foreignBearer: 'ignore' } });
    const placed = await lenient.call('/wx-pay/wxpay_order', orderBody(number('P')), headers);
    expect(placed.status).toBe(200);
  });
});

describe('an order belongs to its payer', () => {
  let sim: Simulator;
  let run: Running;

  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim });
  });

  test('another payer creating the same number gets 409 and learns nothing', async () => {
    const no = number('P');
    await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    const taken = await run.call('/wx-pay/wxpay_order', orderBody(no), payer(OTHER));
    expect(taken).toMatchObject({ status: 409, body: { error: 'ORDER_TAKEN', data: null } });
    expect(taken.text).not.toContain(PAYER);
    expect((await run.order(no)).payer).toBe(PAYER);
  });

  test('an order made by an operator without a payer is read by operators alone', async () => {
    const no = number('P');
    await run.call('/wx-pay/wxpay_order_native', orderBody(no), operator());
    sim.pay(no, { openid: OTHER });
    await sim.deliver('payment', no);
    const ask = { out_trade_no: no };
    for (const who of [payer(), payer(OTHER)]) {
      const answer = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, who);
      expect(answer.status).toBe(404);
    }
    const read = operator(READ_KEY);
    const answer = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, read);
    expect(answer.status).toBe(200);
  });

  test('the openid of the person who paid is not told to the owner, only to himself and operators', async () => {
    const no = number('P');
    await run.call('/wx-pay/wxpay_order_native', orderBody(no), payer());
    sim.pay(no, { openid: OTHER });
    const ask = { out_trade_no: no };
    const own = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, payer());
    expect(own.status).toBe(200);
    expect(own.text).not.toContain(OTHER);
    const read = operator(READ_KEY);
    const full = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, read);
    expect(full.text).toContain(OTHER);
  });

  test('an order we do not hold is adopted by the payer whom WeChat names, and by nobody else', async () => {
    const first = await startService({ sim });
    const no = number('P');
    await placePaid(first, sim, no);
    const { transaction_id } = sim.order(no) as Json;
    const fresh = await startService({ sim });
    for (const [path, body] of [
      ['wxpay_query_order_by_out_trade_no', { out_trade_no: no }],
      ['wxpay_query_order_by_transaction_id', { transaction_id }],
    ] as const) {
      const stranger = await fresh.call(`/wx-pay/${path}`, body, payer(OTHER));
      expect(stranger).toMatchObject({ status: 404, body: { error: 'ORDER_NOT_FOUND' } });
      expect(stranger.text).not.toContain(PAYER);
    }
    expect(await fresh.store.find('order', no)).toBeUndefined();
    const own = await fresh.call(
      '/wx-pay/wxpay_query_order_by_transaction_id',
      { transaction_id },
      payer(),
    );
    expect(own.status).toBe(200);
    expect(await fresh.effects(no)).toEqual(['order.adopted']);
  });

  test('a prepared order without a payer goes to the first who asks', async () => {
    const no = number('P');
    const prepared = await run.call('/wx-pay/wxpay_prepare_order', orderBody(no), operator());
    expect(prepared.body).toMatchObject({
      data: { status: 200, data: { out_trade_no: no, state: 'PREPARED' } },
    });
    const asks = [PAYER, OTHER].map((who) =>
      run.call('/wx-pay/wxpay_order', { out_trade_no: no }, payer(who)),
    );
    const statuses = (await Promise.all(asks)).map((answer) => answer.status);
    expect([...statuses].sort()).toEqual([200, 409]);
    expect((await run.order(no)).payer).toBe([PAYER, OTHER][statuses.indexOf(200)]);
  });

  test('a transfer is shown to its receiver and to no other payer', async () => {
    const no = number('T').slice(0, 32);
    await run.call('/wx-pay/wxpay_transfer', transferBody(no, OTHER), operator());
    const ask = { out_bill_no: no };
    expect((await run.call('/wx-pay/wxpay_transfer_bill_query', ask, payer())).status).toBe(404);
    const own = await run.call('/wx-pay/wxpay_transfer_bill_query', ask, payer(OTHER));
    expect(own.status).toBe(200);
  });
});
