/** What the attackers do, one flood after the other. None of it may move money or delay others. */
import { randomBytes } from 'node:crypto';
import type { Plain, Simulator } from '../../simulator';
import type { Shot, Volley } from './attacker';

export interface Flood {
  readonly name: string;
  readonly style: Volley['style'];
  readonly connections: number;
  readonly shots: readonly Shot[];
}

/** Numbers that the attacker has learned. */
export interface Known {
  /** Orders of others, unpaid. */
  readonly open: readonly string[];
  /** Orders of others, paid. */
  readonly paid: readonly string[];
  /** Prepared by an operator; the first payer binds it. */
  readonly prepared: readonly string[];
}

const ATTACKERS = 20;
const WAITERS = 300;
const CALLBACKS = ['/', '/wechatpay/order', '/wechatpay/refund', '/wechatpay/transfer'];
const KB = 1024;

type Headers = Record<string, string>;
/** Each flood has payers of its own: none has used up his limits in another one. */
const attacker = (flood: string, i = 0): Headers => ({
  'x-wx-openid': `oAttack_${flood}_${String(i)}`.padEnd(28, '0'),
});
const crowd = <T>(flood: string, of: (headers: Headers, i: number) => T): T[] =>
  Array.from({ length: ATTACKERS }, (_, i) => of(attacker(flood, i), i));
const post = (path: string, body: object, headers: Headers = {}): Shot => ({
  path: path.startsWith('/') ? path : `/wx-pay/${path}`,
  headers,
  body: JSON.stringify(body),
});
const order = (out_trade_no: string, total = 100): object => ({
  out_trade_no,
  description: '测试商品',
  amount: { total, currency: 'CNY' },
});

/** A payment that never happened, as WeChat would tell of it. */
function wish(simulator: Simulator, out_trade_no: string): Plain {
  const { merchantId: mchid, appId: appid } = simulator.credentials;
  return {
    appid,
    mchid,
    out_trade_no,
    transaction_id: '4200000000202601026666666666',
    trade_type: 'JSAPI',
    trade_state: 'SUCCESS',
    success_time: '2026-01-02T10:00:00+08:00',
    payer: { openid: 'oAttack_00000000000000000000' },
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
  };
}

/** Genuine in form, and spoiled: another key's signature, another time, another body, none at all. */
function forged(simulator: Simulator, no: string): readonly Shot[] {
  const plain = wish(simulator, no);
  const signature = randomBytes(256).toString('base64');
  const seconds = Math.floor(simulator.clock.now() / 1000);
  const made = [
    simulator.makeNotification('payment', plain, { signature }),
    simulator.makeNotification('payment', plain, { timestamp: seconds - 400 }),
    simulator.makeNotification('payment', plain, {
      serial: 'PUB_KEY_ID_0000000000000000000000000',
    }),
    simulator.makeNotification('payment', plain, { signature: '' }),
  ];
  const changed = simulator.makeNotification('payment', plain);
  const all = [...made, { ...changed, body: changed.body.replace('SUCCESS', 'SUCCESs') }];
  return all.map(({ body, headers }) => ({ path: '/wechatpay/order', body, headers }));
}

/** Plaintext without proof: what it names may be asked at WeChat, and is never believed. */
const hints = (simulator: Simulator, numbers: readonly string[]): readonly Shot[] =>
  numbers.map((no) => {
    const { body } = simulator.makeForward('payment', wish(simulator, no), { ciphertext: false });
    return { path: '/', body };
  });

/** What WeChat really sent before, word for word. */
const replayed = (simulator: Simulator): readonly Shot[] =>
  simulator.callbacks
    .slice(-50)
    .map(({ url, body, headers }) => ({ path: new URL(url).pathname, body, headers }));

function tokens(): readonly Shot[] {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'https://shop.api.tcloudbasegateway.com', aud: 'shop', sub: '#' };
  const jwt = `${part({ alg: 'RS256', kid: '#' })}.${part(claims)}.${randomBytes(256).toString('base64url')}`;
  return [jwt, randomBytes(3000).toString('base64url'), 'a.b.c', '..'].map((token) =>
    post('wxpay_order', order('T#'), { authorization: `Bearer ${token}` }),
  );
}

/** Money out, as somebody who has no right to it. */
function grabs({ paid }: Known): readonly Shot[] {
  const me = attacker('grab');
  const transfer = {
    out_bill_no: 'GRAB#',
    transfer_scene_id: '1000',
    openid: me['x-wx-openid'],
    transfer_amount: 100,
    transfer_remark: 'x',
    transfer_scene_report_infos: [
      { info_type: '活动名称', info_content: 'x' },
      { info_type: '奖励说明', info_content: 'x' },
    ],
  };
  const hands: readonly Headers[] = [
    me,
    {},
    { 'x-api-key': 'k'.repeat(40) },
    { cookie: 'x-api-key=all' },
  ];
  const refunds = paid.slice(0, 5).map((out_trade_no) => ({
    out_trade_no,
    out_refund_no: 'GRAB#',
    amount: { refund: 100, total: 100 },
  }));
  return hands.flatMap((headers) => [
    post('wxpay_transfer', transfer, headers),
    post('/', { _action: 'wxpay_transfer', ...transfer }, headers),
    ...refunds.map((body) => post('wxpay_refund', body, headers)),
    ...refunds.map(({ out_refund_no }) =>
      post('wxpay_refund_abnormal', { out_refund_no, type: 'USER_BANK_CARD' }, headers),
    ),
  ]);
}

/** Each payer by himself is within what a payer may do. */
function payersFloods({ open, prepared }: Known): readonly Flood[] {
  return [
    {
      name: 'unpaid orders',
      style: 'ask',
      connections: ATTACKERS,
      shots: crowd('unpaid', (headers, i) =>
        post('wxpay_order', order(`U${String(i)}T#`), headers),
      ),
    },
    {
      name: 'binding prepared numbers',
      style: 'ask',
      connections: 16,
      shots: prepared.flatMap((out_trade_no) => [
        post('wxpay_order', { out_trade_no }, attacker('bind')),
        post('wxpay_close_order', { out_trade_no }, attacker('bind')),
        post('wxpay_query_order_by_out_trade_no', { out_trade_no }, attacker('bind')),
      ]),
    },
    {
      name: 'waiters for one number',
      style: 'ask',
      connections: WAITERS,
      // WeChat takes its time over these: see `day.ts`.
      shots: Array.from({ length: 20 * WAITERS }, (_, i) => {
        const no = `WAITED${String(Math.floor(i / WAITERS))}`;
        return post('wxpay_order_native', order(no), attacker('wait'));
      }),
    },
    {
      name: 'refused numbers repeated',
      style: 'ask',
      connections: 32,
      shots: crowd('refused', (headers, i) =>
        post('wxpay_order_app', order(`REFUSED${String(i)}`), headers),
      ),
    },
    {
      name: 'parts without end',
      style: 'ask',
      connections: 16,
      shots: crowd('parts', (headers) => {
        const part = (out_trade_no: string): object => ({
          out_trade_no,
          description: 'x',
          amount: { total_amount: 50, currency: 'CNY' },
        });
        const sub_orders = [part('PA#'), part('PB#')];
        return post(
          'wxpay_order_combine',
          { type: 'jsapi', combine_out_trade_no: 'COMBINED1', sub_orders },
          headers,
        );
      }),
    },
    {
      name: 'probing numbers',
      style: 'ask',
      connections: 32,
      shots: crowd('probe', (headers, i) => [
        post('wxpay_order', { out_trade_no: `GUESS${String(i)}X#` }, headers),
        post('wxpay_order', { out_trade_no: open[i % open.length] ?? 'NONE01' }, headers),
        post('wxpay_query_order_by_out_trade_no', { out_trade_no: 'GUESS#' }, headers),
      ]).flat(),
    },
  ];
}

export function floodsOf(simulator: Simulator, known: Known): readonly Flood[] {
  const huge = JSON.stringify({ a: 'x'.repeat(250 * KB), b: [] });
  const nested = `${'{"a":'.repeat(20 * KB)}1${'}'.repeat(20 * KB)}`;
  const some = known.open.slice(0, 20);
  return [
    {
      name: 'huge bodies',
      style: 'ask',
      connections: 12,
      shots: CALLBACKS.flatMap((path) => [huge, nested].map((body) => ({ path, body }))),
    },
    {
      name: 'stalled bodies',
      style: 'stall',
      connections: 800,
      shots: [...CALLBACKS, '/wx-pay/wxpay_order'].map((path) => ({ path })),
    },
    {
      name: 'made-up hints',
      style: 'ask',
      connections: 16,
      shots: hints(simulator, ['MADEUP#', ...some, 'MADEUP#']),
    },
    {
      name: 'forged and replayed callbacks',
      style: 'ask',
      connections: 16,
      shots: [...some.slice(0, 5).flatMap((no) => forged(simulator, no)), ...replayed(simulator)],
    },
    { name: 'garbage tokens', style: 'ask', connections: 32, shots: tokens() },
    { name: 'money out without a right', style: 'ask', connections: 16, shots: grabs(known) },
    ...payersFloods(known),
    {
      name: 'open pages',
      style: 'ask',
      connections: 32,
      shots: ['/healthz', '/docs', '/openapi.json', '/metrics', '/wx-pay/records'].map((path) => ({
        path,
        method: 'GET' as const,
      })),
    },
  ];
}
