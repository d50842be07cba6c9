/** What each attacker sends, as data: none of it may be answered with anything but a refusal. */
import { PAY_ROUTES } from '../../../routes/payRoutes';
import { askedName, combineBody, validBody, type Body } from './bodies';
import {
  COMBINED,
  ELSEWHERE,
  OPEN,
  PAID,
  PART,
  PREPARED,
  REFUND,
  TRANSFER,
  type Facts,
} from './scene';
import {
  OPERATOR_KEY,
  orderBody,
  OTHER,
  PAYER,
  READ_KEY,
  refundBody,
  SWEEP_KEY,
  transferBody,
  type CallOptions,
} from './stage';
import { createHash } from 'node:crypto';

export interface Shot {
  readonly path: string;
  readonly body?: Body;
  readonly o?: CallOptions;
}
type Headers = Readonly<Record<string, string | string[]>>;
export type Attack = readonly [name: string, shots: readonly Shot[]];

const DUE = `T2026010210${'0'.repeat(4)}`;
const POSTS = PAY_ROUTES.filter((r) => r.method === 'POST').map((r) => askedName(r.name));
const READS = ['/wx-pay/records', `/wx-pay/records/order/${PAID}`, '/metrics'];

const to = (name: string, body: object, headers: Headers = {}): Shot => ({
  path: name.startsWith('/') ? name : `/wx-pay/${name}`,
  body: body as Body,
  o: { headers },
});
const get = (path: string, headers: Headers = {}, method = 'GET'): Shot => ({
  path,
  o: { method, headers },
});

/** Every door, by its own path and through the old dispatch. */
const everywhere = (headers: Headers): readonly Shot[] => [
  ...POSTS.map((name) => to(name, validBody(name), headers)),
  ...POSTS.filter((name) => !name.includes('/')).flatMap((name) => [
    to('/', { _action: name, ...validBody(name) }, headers),
    to('/', { path: `/wx-pay/${name}`, ...validBody(name) }, headers),
  ]),
  ...READS.map((path) => get(path, headers)),
  ...READS.map((path) => get(path, headers, 'HEAD')),
];

const wrongKey = 'wrong-key-0123456789-abcdefghij-0123456';
const refundIt = refundBody(PAID, 'R666', 70);
const payMe = transferBody('B666');

export const strangers = (): readonly Attack[] => [
  ['nothing in his hands', everywhere({})],
  [
    "the platform's marks",
    everywhere({
      'x-tcb-integration-id': 'i',
      'x-wx-source': 'wx_client',
      'x-authmethod': 'WX_SERVER_AUTH',
      'x-wx-call-id': '1',
    }),
  ],
  [
    'an openid where nobody looks for one',
    everywhere({
      'x-openid': PAYER,
      'x-wx-from-openid': PAYER,
      x_wx_openid: PAYER,
      cookie: `openid=${PAYER}`,
      'x-wx-unionid': PAYER,
    }),
  ],
  ['an openid given twice', everywhere({ 'x-wx-openid': [PAYER, PAYER] })],
  ['two openids', everywhere({ 'x-wx-openid': [PAYER, OTHER] })],
  ['an openid in a list', everywhere({ 'x-wx-openid': `${PAYER}, ${PAYER}` })],
  ['a star for an openid', everywhere({ 'x-wx-openid': '*'.repeat(28) })],
  ["another app's user", everywhere({ 'x-wx-openid': PAYER, 'x-wx-appid': 'wxffffffffffffffff' })],
  ['no token behind Bearer', everywhere({ authorization: 'Bearer', 'x-wx-openid': PAYER })],
  ['three dots', everywhere({ authorization: 'Bearer a.b.c', 'x-wx-openid': PAYER })],
  ['another scheme', everywhere({ authorization: `Basic ${btoa(`u:${OPERATOR_KEY}`)}` })],
  ['the key as a token', everywhere({ authorization: `Bearer ${OPERATOR_KEY}` })],
  [
    'a good openid at the door for callbacks',
    POSTS.filter((name) => !name.includes('/')).map((name) =>
      to('/', { _action: name, ...validBody(name) }, { 'x-wx-openid': PAYER }),
    ),
  ],
  ['odd doors', oddDoors()],
];

/** Ways to a route that no table lists: a gateway may read them otherwise than we do. */
const oddDoors = (): readonly Shot[] => [
  ...['%77xpay_refund', 'wxpay_refund/', 'WXPAY_REFUND', './wxpay_refund', 'x/../wxpay_refund'].map(
    (name) => to(name, refundIt, { 'x-wx-openid': PAYER }),
  ),
  ...['//wx-pay/wxpay_transfer', '/wx-pay//wxpay_transfer', '/wx-pay/wxpay_transfer;a=b'].map(
    (path) => to(path, payMe, { 'x-wx-openid': PAYER }),
  ),
  ...['http://127.0.0.1/wx-pay/wxpay_refund', '/wx-pay/wxpay_refund%00', '/%2e/wx-pay/records'].map(
    (path) => to(path, refundIt, { 'x-wx-openid': PAYER }),
  ),
  ...['http://127.0.0.1/wx-pay/records', '//wx-pay/records', '/WX-PAY/records'].map((path) =>
    get(path),
  ),
  ...['PUT', 'DELETE', 'PATCH', 'HEAD', 'GET', 'PROPFIND'].map((method) =>
    get('/wx-pay/wxpay_refund', { 'x-wx-openid': PAYER }, method),
  ),
  ...['x-http-method-override', 'x-method-override', 'x-original-url', 'x-rewrite-url'].map(
    (name) => get('/wx-pay/records', { [name]: '/healthz' }),
  ),
  ...['x-forwarded-for', 'x-real-ip', 'forwarded', 'x-forwarded-host'].map((name) =>
    get('/metrics', { [name]: '127.0.0.1' }),
  ),
  get(`/wx-pay/records?x-api-key=${OPERATOR_KEY}`),
  get(`/wx-pay/records?authorization=Bearer%20${OPERATOR_KEY}`),
];

/** Keys that are near, or look like one, or are good for something else. */
export function keyHolders(): readonly Attack[] {
  const digest = createHash('sha256').update(OPERATOR_KEY).digest('hex');
  const wrong: readonly (readonly [string, Headers])[] = [
    ['a wrong key', { 'x-api-key': wrongKey }],
    ['a wrong key beside a good openid', { 'x-api-key': wrongKey, 'x-wx-openid': PAYER }],
    ['an empty key', { 'x-api-key': '' }],
    ['a key cut short', { 'x-api-key': OPERATOR_KEY.slice(0, -1) }],
    ['a key in capitals', { 'x-api-key': OPERATOR_KEY.toUpperCase() }],
    ['the digest of a key', { 'x-api-key': digest }],
    ['the digest, as it stands in the setting', { 'x-api-key': `sha256:${digest}` }],
    ['a key with its scope', { 'x-api-key': `read:${READ_KEY}` }],
    ['a reading key that calls itself more', { 'x-api-key': `all:${READ_KEY}` }],
    ['a key twice', { 'x-api-key': [OPERATOR_KEY, OPERATOR_KEY] }],
    ['two keys, one of them right', { 'x-api-key': [wrongKey, OPERATOR_KEY] }],
    ['the whole setting', { 'x-api-key': `${OPERATOR_KEY},read:${READ_KEY}` }],
    ['a key in another header', { apikey: OPERATOR_KEY, 'x-apikey': OPERATOR_KEY }],
    ['a key in a cookie', { cookie: `x-api-key=${OPERATOR_KEY}` }],
    ['a wrong key, long beyond reason', { 'x-api-key': 'k'.repeat(8000) }],
  ];
  const reading = POSTS.filter((n) => !/query|wxpay_bill$|wxpay_records?$/.test(n));
  const sweeping = POSTS.filter((n) => n !== 'wxpay_sweep');
  const as = (names: readonly string[], key: string): readonly Shot[] =>
    names.map((name) => to(name, validBody(name), { 'x-api-key': key }));
  return [
    ...wrong.map(([name, headers]): Attack => [name, everywhere(headers)]),
    ['a key in the body', POSTS.map((n) => to(n, { ...validBody(n), 'x-api-key': OPERATOR_KEY }))],
    ['a reading key, to act', as(reading, READ_KEY)],
    ['a sweeping key, for all else', as(sweeping, SWEEP_KEY)],
    ['a sweeping key, to read', READS.map((path) => get(path, { 'x-api-key': SWEEP_KEY }))],
  ];
}

const OPERATORS = [
  ...['wxpay_refund', 'wxpay_refund_abnormal', 'wxpay_transfer', 'wxpay_transfer_cancel'],
  ...['wxpay_order_codepay', 'wxpay_reverse', 'wxpay_prepare_order', 'wxpay_bill'],
  ...['wxpay_reconcile', 'wxpay_sweep'],
];

/** The payer himself, for whom all of it was made: he may not choose what is the merchant's. */
export function payers(): readonly Attack[] {
  const me = { 'x-wx-openid': PAYER };
  const order = (over: object, no = DUE): Shot =>
    to('wxpay_order', { ...orderBody(no), ...over }, me);
  return [
    ['does what operators do', OPERATORS.map((name) => to(name, validBody(name), me))],
    ['refunds his own order', [to('wxpay_refund', refundIt, me)]],
    ['transfers to himself', [to('wxpay_transfer', payMe, me)]],
    ['cancels a transfer', [to('wxpay_transfer_cancel', { out_bill_no: TRANSFER }, me)]],
    ['reads the books', READS.map((path) => get(path, me))],
    ['pays less than was fixed', [order({ amount: { total: 1 } }, PREPARED)]],
    ['pays one fen less', [order({ amount: { total: 499 } }, PREPARED)]],
    ['makes his order cheaper afterwards', [order({ amount: { total: 1 } }, OPEN)]],
    ['pays once more for what is paid', [order({}, PAID)]],
    ['closes what is paid', [to('wxpay_close_order', { out_trade_no: PAID }, me)]],
    ['says it is paid', [order({ state: 'PAID' }), order({ trade_state: 'SUCCESS' })]],
    ['names where callbacks go', [order({ notify_url: 'https://evil.example/' })]],
    [
      'names the merchant',
      [order({ mchid: '1900000099' }), order({ appid: 'wx0123456789abc999' })],
    ],
    ['names another payer', [order({ payer: { openid: OTHER } })]],
    ['gives himself a discount', [order({ goods_tag: 'A' }), order({ detail: { cost_price: 1 } })]],
    ['pays nothing', [order({ amount: { total: 0 } }), order({ amount: { total: -100 } })]],
    ['pays fractions', [order({ amount: { total: 0.01 } }), order({ amount: { total: '1' } })]],
    ['pays in other money', [order({ amount: { total: 1, currency: 'USD' } })]],
    ['is an operator by prototype', [order({ constructor: { prototype: { operator: true } } })]],
    [
      'a combination of the same part twice',
      [to('wxpay_order_combine', combineBody('C666666', [DUE, DUE]), me)],
    ],
  ];
}

/** Somebody who knows every number of another's, and is himself a proven user. */
export function others(facts: Facts): readonly Attack[] {
  const him = { 'x-wx-openid': OTHER };
  const { transaction_id, transfer_bill_no, elsewhere_id } = facts;
  const asks: readonly Shot[] = [
    ...[PAID, OPEN, PREPARED, PART].flatMap((out_trade_no) => [
      to('wxpay_query_order_by_out_trade_no', { out_trade_no }, him),
      to('wxpay_close_order', { out_trade_no }, him),
    ]),
    to('wxpay_query_order_by_transaction_id', { transaction_id }, him),
    to('wxpay_query_order_by_transaction_id', { transaction_id: elsewhere_id }, him),
    to('wxpay_query_order_by_out_trade_no', { out_trade_no: ELSEWHERE }, him),
    to('wxpay_close_order', { out_trade_no: ELSEWHERE }, him),
    to('wxpay_refund_query', { out_refund_no: REFUND }, him),
    to('wxpay_combine_query', { combine_out_trade_no: COMBINED }, him),
    to('wxpay_combine_close', { combine_out_trade_no: COMBINED }, him),
    to('wxpay_transfer_bill_query', { out_bill_no: TRANSFER }, him),
    to('wxpay_transfer_batch_query', { out_bill_no: TRANSFER }, him),
    to('wxpay_transfer_bill_query_by_no', { transfer_bill_no }, him),
  ];
  const takes = [PAID, OPEN, PREPARED, PART].flatMap((no) => [
    to('wxpay_order', orderBody(no), him),
    to('wxpay_order', { out_trade_no: no }, him),
    to('wxpay_order_native', orderBody(no), him),
    to('wxpay_order_combine', combineBody('C777777', [no, 'T777777']), him),
  ]);
  return [
    ['asks about what is not his', asks],
    ['takes over numbers that are not his', takes],
    [
      'takes over a combination',
      [to('wxpay_order_combine', combineBody(COMBINED, [PART, `${PART}5`]), him)],
    ],
    ['refunds it to himself', [to('wxpay_refund', refundIt, him)]],
    ['reads the books', READS.map((path) => get(path, him))],
    ['filters the books by a payer', [get(`/wx-pay/records?payer=${PAYER}`, him)]],
  ];
}
