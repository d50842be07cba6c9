/**
 * A key that is bound to one shop of a service provider: every route of the table × the shop's own records, another's,
 * and those of both. A route added without a line here fails.
 */
import { PAY_ROUTES } from '../../routes/payRoutes';
import type { Simulator } from '../../simulator';
import { KEY_A, READ_A, SHOP_A, SHOP_B, startPartner, startProvider } from '../helpers/partner';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  refundBody,
  transferBody,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

/** How a call ended. `in`: it was let in and found what it asked for. */
type Outcome = 'in' | 'absent' | 'forbidden' | 'taken' | 'refused';

/** With the key bound to shop A: of shop A's records, and of shop B's. */
interface Row {
  readonly own: Outcome;
  readonly other: Outcome;
  /** The same with a key that only reads. */
  readonly reads: Outcome;
}

const MAKES: Row = { own: 'in', other: 'forbidden', reads: 'forbidden' };
const MOVES: Row = { own: 'in', other: 'absent', reads: 'forbidden' };
const READS: Row = { own: 'in', other: 'absent', reads: 'in' };
/** Of the provider as a whole. */
const NEVER: Row = { own: 'forbidden', other: 'forbidden', reads: 'forbidden' };
/** Answers with what is the shop's alone: checked by its own test. */
const NARROWED: Row = { own: 'in', other: 'in', reads: 'in' };

const EXPECTED: Readonly<Record<string, Row>> = {
  wxpay_order: MAKES,
  wxpay_order_h5: MAKES,
  wxpay_order_native: MAKES,
  wxpay_order_app: MAKES,
  wxpay_order_combine: MAKES,
  wxpay_combine_query: READS,
  wxpay_combine_close: MOVES,
  wxpay_order_codepay: MAKES,
  wxpay_reverse: MOVES,
  wxpay_prepare_order: MAKES,
  wxpay_query_order_by_out_trade_no: READS,
  wxpay_query_order_by_transaction_id: READS,
  wxpay_close_order: MOVES,
  wxpay_refund: MOVES,
  wxpay_refund_abnormal: MOVES,
  wxpay_refund_query: READS,
  wxpay_transfer: NEVER,
  wxpay_transfer_cancel: NEVER,
  wxpay_transfer_bill_query: NEVER,
  wxpay_transfer_batch_query: NEVER,
  wxpay_transfer_bill_query_by_no: NEVER,
  wxpay_bill: { own: 'in', other: 'forbidden', reads: 'in' },
  wxpay_reconcile: NEVER,
  wxpay_sweep: NEVER,
  wxpay_records: NARROWED,
  wxpay_record: READS,
  wxpay_redeliver: MOVES,
  records: NARROWED,
  'records/:kind/:no': READS,
  'records/:kind/:no/redeliver': MOVES,
};

interface World {
  readonly shop: string;
  readonly no: string;
  readonly transaction_id: unknown;
  readonly refund: string;
  readonly combination: string;
  readonly charged: string;
}

let sim: Simulator;
let run: Running;

let codes = 0;
const code = (): string => `13${String((codes += 1)).padStart(16, '0')}`;
const part = (sub_mchid: string): Json => ({
  out_trade_no: number('S'),
  sub_mchid,
  description: '子单',
  amount: { total_amount: 10, currency: 'CNY' },
});
const charge = (no: string, sub_mchid: string): Json => ({
  out_trade_no: no,
  sub_mchid,
  description: '门店商品',
  amount: { total: 100 },
  payer: { auth_code: code() },
  scene_info: { store_info: { id: 'S1' } },
});

/** An order of the shop, paid and partly refunded, an unpaid combination and a charged payment code. */
async function populate(shop: string): Promise<World> {
  const [no, refund, combination, charged] = ['W', 'R', 'M', 'K'].map(number) as [
    string,
    string,
    string,
    string,
  ];
  await run.call('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid: shop }, payer());
  sim.pay(no, { openid: PAYER });
  await sim.deliver('payment', no);
  sim.switches.refundOutcome = 'ABNORMAL';
  await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 10), operator());
  await sim.deliver('refund', refund);
  sim.switches.refundOutcome = 'SUCCESS';
  const parts = [part(shop), part(shop)];
  const body = { type: 'jsapi', combine_out_trade_no: combination, sub_orders: parts };
  await run.call('/wx-pay/wxpay_order_combine', body, payer());
  await run.call('/wx-pay/wxpay_order_codepay', charge(charged, shop), operator());
  const { transaction_id } = sim.order(no) as Json;
  return { shop, no, refund, transaction_id, combination, charged };
}

const scene_info = { payer_client_ip: '203.0.113.9', h5_info: { type: 'Wap' } };

function bodyFor(name: string, world: World): Json {
  const { shop, no, refund, transaction_id, combination, charged } = world;
  const order = { ...orderBody(number('N')), sub_mchid: shop, payer: { openid: PAYER } };
  switch (name) {
    case 'wxpay_order':
    case 'wxpay_order_native':
    case 'wxpay_order_app':
    case 'wxpay_prepare_order':
      return order;
    case 'wxpay_order_h5':
      return { ...order, scene_info };
    case 'wxpay_order_combine': {
      const combine_payer_info = { openid: PAYER };
      const combine_out_trade_no = number('M');
      // One foreign part is enough.
      const sub_orders = [part(SHOP_A), part(shop)];
      return { type: 'jsapi', combine_out_trade_no, combine_payer_info, sub_orders };
    }
    case 'wxpay_combine_query':
    case 'wxpay_combine_close':
      return { combine_out_trade_no: combination };
    case 'wxpay_order_codepay':
      return charge(number('K'), shop);
    case 'wxpay_reverse':
      return { out_trade_no: charged };
    case 'wxpay_query_order_by_transaction_id':
      return { transaction_id };
    case 'wxpay_refund':
      return refundBody(no, number('R'), 10);
    case 'wxpay_refund_abnormal':
      return { out_refund_no: refund, type: 'MERCHANT_BANK_CARD' };
    case 'wxpay_refund_query':
      return { out_refund_no: refund };
    case 'wxpay_transfer':
      return transferBody(number('T').slice(0, 32));
    case 'wxpay_transfer_bill_query_by_no':
      return { transfer_bill_no: '1330000000000000001' };
    case 'wxpay_transfer_cancel':
    case 'wxpay_transfer_bill_query':
    case 'wxpay_transfer_batch_query':
      return { out_bill_no: 'T1234567' };
    case 'wxpay_bill':
      return { bill_date: '2026-01-02', sub_mchid: shop };
    case 'wxpay_reconcile':
      return { bill_date: '2026-01-02' };
    case 'wxpay_record':
    case 'wxpay_redeliver':
      return { kind: 'order', no };
    case 'wxpay_sweep':
    case 'wxpay_records':
      return {};
    default:
      return { out_trade_no: no };
  }
}

function call(name: string, method: string, world: World, key: string): Promise<Answer> {
  const path = `/wx-pay/${name}`.replace(':kind', 'order').replace(':no', world.no);
  if (method === 'GET') return run.get(path, operator(key));
  return run.call(path, name.startsWith('records/') ? {} : bodyFor(name, world), operator(key));
}

function outcomeOf({ status, body }: Answer): Outcome {
  if (status === 403) return 'forbidden';
  if (status === 404) return 'absent';
  if (body.error === 'ORDER_TAKEN' || body.error === 'ORDER_PARAMS_DIFFER') return 'taken';
  // Let in, and then stopped by the state of things: no sink, too early to reverse, no bill of that day.
  if (body.error === 'MOVE_FORBIDDEN' || body.error === 'WECHATPAY_REJECTED') return 'in';
  if (body.error === 'ORDER_PAID') return 'in';
  return status < 300 ? 'in' : 'refused';
}

let own: World;
let other: World;
beforeEach(async () => {
  sim = await startProvider();
  run = await startPartner({ sim });
  own = await populate(SHOP_A);
  other = await populate(SHOP_B);
});

test('every route has a line', () => {
  expect(Object.keys(EXPECTED).sort()).toEqual(PAY_ROUTES.map(({ name }) => name).sort());
});

test('every route, for the own shop and for another', async () => {
  const seen: Record<string, Row> = {};
  for (const { name, method } of PAY_ROUTES) {
    const others = await call(name, method, other, KEY_A);
    const before = JSON.stringify(await run.order(other.no));
    const reads = await call(name, method, own, READ_A);
    const owns = await call(name, method, own, KEY_A);
    seen[name] = { own: outcomeOf(owns), other: outcomeOf(others), reads: outcomeOf(reads) };
    expect(JSON.stringify(await run.order(other.no))).toBe(before);
    expect(others.text).not.toContain(String(other.transaction_id));
  }
  expect(seen).toEqual(EXPECTED);
  // What was refused left no trace at the other shop.
  expect((await run.order(other.no)).refunds).toHaveLength(1);
  const combination = await run.store.find('combination', other.combination);
  expect(combination).toMatchObject({ state: 'PENDING' });
});

test('numbers of another shop are answered as numbers that nobody has', async () => {
  const questions: readonly (readonly [string, Json, Json])[] = [
    [
      'wxpay_query_order_by_out_trade_no',
      { out_trade_no: other.no },
      { out_trade_no: 'W99999999' },
    ],
    [
      'wxpay_query_order_by_transaction_id',
      { transaction_id: other.transaction_id },
      { transaction_id: '4200009999990000000000000009' },
    ],
    ['wxpay_close_order', { out_trade_no: other.no }, { out_trade_no: 'W99999999' }],
    ['wxpay_reverse', { out_trade_no: other.charged }, { out_trade_no: 'K99999999' }],
    ['wxpay_refund_query', { out_refund_no: other.refund }, { out_refund_no: 'R99999999' }],
    [
      'wxpay_combine_query',
      { combine_out_trade_no: other.combination },
      { combine_out_trade_no: 'M99999999' },
    ],
    [
      'wxpay_refund',
      refundBody(other.no, 'R88888888', 10),
      refundBody('W99999999', 'R88888889', 10),
    ],
  ];
  for (const [route, foreign, nobody] of questions) {
    const answers = [foreign, nobody].map((body) =>
      run.call(`/wx-pay/${route}`, body, operator(KEY_A)),
    );
    const [theirs, nobodys] = await Promise.all(answers);
    expect([route, theirs?.status, theirs?.body.error]).toEqual([
      route,
      nobodys?.status,
      nobodys?.body.error,
    ]);
  }
});

test('lists hold the own records alone, page by page', async () => {
  const seen: string[] = [];
  let after: unknown;
  for (let page = 0; page < 30; page++) {
    const query = after === undefined ? '' : `&after=${String(after)}`;
    const answer = await run.get(`/wx-pay/records?limit=1${query}`, operator(READ_A));
    const { records, next } = dataOf(answer) as { records: Json[]; next: unknown };
    seen.push(...records.map(({ no }) => String(no)));
    after = next;
    if (next === null) break;
  }
  expect(after).toBeNull();
  expect(seen.sort()).toEqual([own.no, own.combination, own.charged].sort());
  const damaged = await run.get('/wx-pay/records?state=damaged', operator(READ_A));
  expect(dataOf(damaged)).toEqual({ records: [], next: null });
});

test('a key bound to a shop sees neither metrics nor how late the sweep is', async () => {
  expect((await run.get('/metrics', operator(KEY_A))).status).toBe(403);
  expect((await run.get('/metrics', operator())).status).toBe(200);
  const health = await run.get('/healthz', operator(KEY_A));
  expect(health.body).not.toHaveProperty('oldest_due_age_ms');
});

test('a bound key that names no shop orders for its own', async () => {
  const no = number('D');
  const body = { ...orderBody(no), payer: { openid: PAYER } };
  expect((await run.call('/wx-pay/wxpay_order', body, operator(KEY_A))).status).toBe(200);
  expect(await run.order(no)).toMatchObject({ sub_mchid: SHOP_A });
  const again = { ...body, out_trade_no: other.no };
  expect((await run.call('/wx-pay/wxpay_order', again, operator(KEY_A))).status).toBe(409);
});
