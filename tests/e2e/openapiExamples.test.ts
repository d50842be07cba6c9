/**
 * The examples of the API document are what this service answers beside the simulator: one walk through every
 * route, on clocks that stand still. `npm run examples` writes them down; this test fails where an answer differs
 * from what is written. The document's linter holds them against their schemas (`tests/unit/openapiLint`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openapiDocument } from '../../routes/documentedRoutes';
import type { Simulator } from '../../simulator';
import type { Example } from '../../utils/openapi';
import {
  dataOf,
  handClock,
  operator,
  payer,
  startService,
  startSim,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const FILE = join(__dirname, '../../docs/examples.json');
const NOON = Date.parse('2026-01-05T12:00:00+08:00');
const DAY_MS = 24 * 3600_000;
const USER = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const CARD = { bank_type: 'ICBC_DEBIT', bank_account: '6222020200012345678', real_name: '张三' };

/** Random, or a signature: another one every time. */
const RANDOM: Readonly<Record<string, string>> = {
  nonceStr: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
  noncestr: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
  paySign: 'oR9d8PuhnIc+YZ8cBHFCwfgpaK9gd7vaRvkYD7rthRAZ…',
  sign: 'oR9d8PuhnIc+YZ8cBHFCwfgpaK9gd7vaRvkYD7rthRAZ…',
  requestId: '9f1c2ab34d5e-0b7f6e5d4c3b2a19',
  build: '1.0.0+4f2a9c1.5d0e7b3a',
};
const NAMED: readonly (readonly [RegExp, string])[] = [
  [/\bwx[0-9a-f]{14,}[0-9A-Za-z]*/g, 'wx201410272009395522657a690389285100'],
  [/\bef_[0-9a-f]{32}/g, `ef_${'0123456789abcdef'.repeat(2)}`],
];

interface World {
  readonly sim: Simulator;
  readonly run: Running;
  readonly examples: Record<string, Example[]>;
  advance(ms: number): Promise<void>;
  /** Asks by POST, as an operator or as the user, and writes it down. */
  ask(name: string, title: string, body: Json, by?: 'user'): Promise<Answer>;
  get(operationId: string, title: string, path: string): Promise<Answer>;
}

async function open(): Promise<World> {
  const clock = handClock(NOON);
  const sim = await startSim({ nowMs: NOON, frozen: true, seed: 1 });
  sim.switches.refundOutcome = 'never';
  const env = { webhookUrl: 'http://127.0.0.1:9/', webhookSecret: `whsec_${'a'.repeat(32)}` };
  const run = await startService({ sim, clock, env });
  const examples: Record<string, Example[]> = {};
  const keep = (operationId: string, title: string, { status, text }: Answer, body?: Json) => {
    const reply = text.startsWith('{') ? (JSON.parse(text) as Json) : text;
    const shown = body === undefined ? {} : { body };
    const example = { title, ...shown, status, reply };
    (examples[operationId] ??= []).push(settled(sim, example) as Example);
  };
  return {
    sim,
    run,
    examples,
    async advance(ms) {
      clock.advance(ms);
      await sim.clock.advance(ms);
    },
    async ask(name, title, body, by) {
      const path = name === 'dispatch' ? '/' : `/wx-pay/${name}`;
      const filled = path.replace(':kind', 'order').replace(':no', 'ORDER20260105001');
      const who = by === 'user' ? payer(USER) : operator();
      const answer = await run.call(filled, body, who);
      keep(name.includes(':') ? `post_${name.replace(/[/:]+/g, '_')}` : name, title, answer, body);
      return answer;
    },
    async get(operationId, title, path) {
      const answer = await run.get(path, operator());
      keep(operationId, title, answer);
      return answer;
    },
  };
}

/** What differs from run to run is written as one example of it. */
function settled(sim: Simulator, value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => settled(sim, one));
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, one]) => [name, settled(sim, one, name)]);
    return Object.fromEntries(fields) as unknown;
  }
  if (typeof value !== 'string') return value;
  const appid = sim.credentials.appId;
  if (RANDOM[key] !== undefined) return RANDOM[key];
  const parts = value
    .split(appid)
    .map((part) => NAMED.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), part));
  return parts.join(appid);
}

const order = (out_trade_no: string, total = 1999): Json => ({
  out_trade_no,
  description: '会员年卡',
  amount: { total, currency: 'CNY' },
});

async function orders({ sim, ask, advance }: World): Promise<void> {
  const no = 'ORDER20260105001';
  await ask('wxpay_order', 'A user orders for himself · 用户本人下单', order(no), 'user');
  const other = order(no, 2999);
  await ask('wxpay_order', 'Other facts under the same number · 同一单号，参数不同', other, 'user');
  const bad = { ...order('ORDER20260105009'), notify_url: 'https://example.com' };
  await ask('wxpay_order', 'A field that nobody may choose · 不允许的字段', bad, 'user');
  sim.pay(no, { openid: USER });
  await sim.deliver('payment', no);
  const paid = await ask('wxpay_query_order_by_out_trade_no', 'A paid order · 已支付的订单', {
    out_trade_no: no,
  });
  const unknown = { out_trade_no: 'ORDER20260105000' };
  await ask('wxpay_query_order_by_out_trade_no', 'No such order · 订单不存在', unknown, 'user');
  const { transaction_id } = dataOf(paid);
  const asked = { _action: 'wxpay_query_order_by_out_trade_no', out_trade_no: no };
  await ask('dispatch', 'A query by _action · 以 _action 查询', asked);
  await ask('wxpay_query_order_by_transaction_id', 'A paid order · 已支付的订单', {
    transaction_id,
  });
  const scene_info = { payer_client_ip: '119.29.29.29', h5_info: { type: 'Wap' } };
  const h5 = { ...order('ORDER20260105002'), scene_info };
  await ask('wxpay_order_h5', 'For a browser outside of WeChat · 微信外的浏览器', h5);
  await ask('wxpay_order_native', 'For a QR code · 展示二维码', order('ORDER20260105003'));
  await ask('wxpay_order_app', 'For an app · App 支付', order('ORDER20260105004'));
  const closing = { out_trade_no: 'ORDER20260105003' };
  await ask('wxpay_close_order', 'Nobody paid it · 未支付的订单', closing);
  await ask('wxpay_close_order', 'It was paid · 已支付', { out_trade_no: no });
  const prepared = { ...order('ORDER20260105005'), expire_minutes: 30 };
  await ask('wxpay_prepare_order', 'For any user who comes · 等待用户付款', prepared);
  const charge = {
    ...order('ORDER20260105006'),
    payer: { auth_code: '134567890123456789' },
    scene_info: { device_id: 'POS-1', store_info: { id: 'S1' } },
  };
  await ask('wxpay_order_codepay', 'Paid at once · 立即支付成功', charge);
  const reversing = { out_trade_no: 'ORDER20260105006' };
  await ask('wxpay_reverse', 'Too soon · 为时过早', reversing);
  await advance(20_000);
  await ask('wxpay_reverse', 'The money goes back · 撤销并退款', reversing);
}

async function combinations({ sim, ask }: World): Promise<void> {
  const part = (out_trade_no: string, total_amount: number): Json => ({
    out_trade_no,
    description: '礼盒',
    amount: { total_amount, currency: 'CNY' },
  });
  const whole = (combine_out_trade_no: string): Json => ({
    type: 'jsapi',
    combine_out_trade_no,
    sub_orders: [part(`${combine_out_trade_no}A`, 600), part(`${combine_out_trade_no}B`, 400)],
  });
  const title = 'Two parts, paid by a user · 用户支付两笔子单';
  await ask('wxpay_order_combine', title, whole('COMBINE20260105001'), 'user');
  sim.pay('COMBINE20260105001', { openid: USER });
  const paid = { combine_out_trade_no: 'COMBINE20260105001' };
  await ask('wxpay_combine_query', 'Both parts are paid · 子单均已支付', paid);
  const second = 'COMBINE20260105002';
  await ask('wxpay_order_combine', 'To be closed · 待关闭', whole(second), 'user');
  await ask('wxpay_combine_close', 'Nobody paid it · 未支付的合单', {
    combine_out_trade_no: second,
  });
}

async function refunds({ sim, ask }: World): Promise<void> {
  const of = (out_refund_no: string, refund: number): Json => ({
    out_trade_no: 'ORDER20260105001',
    out_refund_no,
    reason: '用户取消',
    amount: { refund, total: 1999 },
  });
  await ask('wxpay_refund', 'Part of the price · 部分退款', of('REFUND20260105001', 500));
  const more = of('REFUND20260105002', 1999);
  await ask('wxpay_refund', 'More than is left · 超过可退金额', more);
  sim.settleRefund('REFUND20260105001', 'ABNORMAL');
  await sim.deliver('refund', 'REFUND20260105001');
  const asked = { out_refund_no: 'REFUND20260105001' };
  await ask('wxpay_refund_query', "The payer's card is gone · 用户银行卡已注销", asked);
  const card = { ...asked, type: 'USER_BANK_CARD', ...CARD };
  await ask('wxpay_refund_abnormal', "To another card of the payer's · 退到用户的另一张卡", card);
}

async function transfers({ ask }: World): Promise<void> {
  const to = (out_bill_no: string): Json => ({
    out_bill_no,
    transfer_scene_id: '1000',
    openid: USER,
    transfer_amount: 88,
    transfer_remark: '活动奖励',
    transfer_scene_report_infos: [
      { info_type: '活动名称', info_content: '新会员有礼' },
      { info_type: '奖励说明', info_content: '注册奖励' },
    ],
  });
  const first = { out_bill_no: 'BILL20260105001' };
  const title = 'The receiver has to confirm it · 等待用户确认收款';
  const taken = await ask('wxpay_transfer', title, to('BILL20260105001'));
  await ask('wxpay_transfer', 'Above the limit · 超过限额', {
    ...to('BILL20260105002'),
    transfer_amount: 30_000,
  });
  await ask('wxpay_transfer_bill_query', 'Not confirmed yet · 尚未确认', first);
  await ask('wxpay_transfer_batch_query', 'Not confirmed yet · 尚未确认', first);
  const { transfer_bill_no } = dataOf(taken);
  await ask('wxpay_transfer_bill_query_by_no', 'Not confirmed yet · 尚未确认', {
    transfer_bill_no,
  });
  await ask('wxpay_transfer_cancel', 'Nobody confirmed it · 用户未确认', first);
}

async function records({ run, ask, get }: World): Promise<void> {
  const named = { kind: 'order', no: 'ORDER20260105001' };
  const path = `/wx-pay/records/order/${named.no}`;
  await ask('wxpay_record', 'An order and what happened to it · 订单及其历史', named);
  await get('get_records_kind_no', 'An order and what happened to it · 订单及其历史', path);
  const page = { kind: 'order', state: 'CLOSED', limit: 1 };
  await ask('wxpay_records', 'Closed orders · 已关闭的订单', page);
  const query = '/wx-pay/records?kind=order&state=CLOSED&limit=1';
  await get('get_records', 'Closed orders · 已关闭的订单', query);
  const [effect] = (await run.order(named.no)).effects;
  const one = { effect_id: effect?.id };
  await ask('wxpay_redeliver', 'One effect again · 重新投递一个事件', { ...named, ...one });
  await ask('records/:kind/:no/redeliver', 'One effect again · 重新投递一个事件', one);
}

async function operations({ ask, get, advance }: World): Promise<void> {
  await ask('wxpay_sweep', 'What is due · 处理到期工作', {});
  await advance(DAY_MS);
  const day = { bill_date: '2026-01-05' };
  await ask('wxpay_bill', 'The trade bill of a day · 一天的交易账单', day);
  await ask('wxpay_reconcile', 'A day is compared · 对一天的账', day);
  await get('readyz', 'Ready · 就绪', '/readyz');
  await get('healthz', 'Asked by an operator · 运营方查看', '/healthz');
}

test('are what the service answers', async () => {
  const world = await open();
  for (const walk of [orders, combinations, refunds, transfers, records, operations]) {
    await walk(world);
  }
  const { examples } = world;
  if (process.env['RECORD_EXAMPLES'] === '1') {
    writeFileSync(FILE, `${JSON.stringify(examples, null, 2)}\n`);
  }
  expect(examples).toEqual(JSON.parse(readFileSync(FILE, 'utf8')));
  const { paths } = openapiDocument('0') as { paths: Record<string, Record<string, Operation>> };
  const routes = Object.entries(paths)
    .filter(([path]) => path.startsWith('/wx-pay/') && !path.endsWith('Trigger'))
    .flatMap(([, methods]) => Object.values(methods));
  const succeeds = ({ operationId }: Operation): boolean =>
    (examples[operationId] ?? []).some(({ status }) => status < 300);
  expect(routes.filter((one) => !succeeds(one)).map((one) => one.operationId)).toEqual([]);
});

interface Operation {
  readonly operationId: string;
}
