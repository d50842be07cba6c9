/** The dialect of a service provider (服务商): what it says, that it recognises what it said, and what it reads. */
import { createAesKey, openAesGcm } from '../../services/strategies/aesGcm';
import { createPartnerDialect } from '../../services/wechat/partnerDialect';
import { createRequestGuard, isRequestRefused } from '../../services/wechat/storedRequest';
import type { OrderRecord, WechatRequest } from '../../services/ledger/record';
import { silentLogger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';

const SP = '1900000001';
const SHOP = '1900000109';
const OTHER = '1900000209';
const SP_APP = 'wx8888888888888888';
const SUB_APP = 'wx2222222222222222';

const dialect = createPartnerDialect({
  mchid: SP,
  appids: [SP_APP],
  payNotifyUrl: 'https://example.com/wechatpay/order',
  refundNotifyUrl: 'https://example.com/wechatpay/refund',
  transferNotifyUrl: undefined,
  ownAddress: '203.0.113.1',
  subMerchants: [
    { sub_mchid: SHOP, sub_appid: SUB_APP },
    { sub_mchid: OTHER, sub_appid: undefined },
  ],
});
const guard = createRequestGuard({ dialect, logger: silentLogger, transferMaxFen: 20_000 });
const draft = {
  no: 'T20240101000001',
  sub_mchid: SHOP,
  appid: SUB_APP,
  description: 'test',
  total: 1,
  attach: undefined,
  openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
  expires_at: Date.UTC(2026, 0, 2, 3, 4, 5),
  scene: undefined,
  extra: {},
} as const;

const placed = (request: WechatRequest, more: Partial<OrderRecord> = {}): OrderRecord =>
  anOrder(draft.no, {
    product: 'jsapi',
    mchid: SP,
    sub_mchid: SHOP,
    appid: SUB_APP,
    description: 'test',
    amount: { total: 1, currency: 'CNY' },
    payer: draft.openid,
    request,
    ...more,
  });

test.each(['jsapi', 'h5', 'native', 'app'] as const)('%s: its own request passes', (product) => {
  for (const appid of [SUB_APP, SP_APP]) {
    const request = dialect.requests.order({ ...draft, product, appid });
    expect(guard.prepay(placed(request, { product, appid }))).toBe(request);
  }
});

const made = dialect.requests.order({ ...draft, product: 'jsapi' });

function refused(record: OrderRecord): boolean {
  try {
    guard.prepay(record);
    return false;
  } catch (error) {
    return isRequestRefused(error);
  }
}

test.each([
  ['sub_mchid', SHOP, OTHER],
  ['sub_appid', SUB_APP, 'wx9999999999999999'],
  ['sp_appid', SP_APP, 'wx9999999999999999'],
  ['sp_mchid', SP, '1900000002'],
  ['amount.total', '"total":1', '"total":9'],
  ['payer', 'sub_openid', 'sp_openid'],
])('a request whose %s was changed is not sent', (_field, was, is) => {
  expect(refused(placed(made))).toBe(false);
  expect(refused(placed({ ...made, body: made.body.replace(was, is) }))).toBe(true);
});

test('a record of a shop off the list, or in an app that is not its own, is not sent', () => {
  const off = { ...made, body: made.body.replace(SHOP, '1900000999') };
  expect(refused(placed(off, { sub_mchid: '1900000999' }))).toBe(true);
  const other = dialect.requests.order({ ...draft, product: 'jsapi', sub_mchid: OTHER });
  expect(refused(placed(other, { sub_mchid: OTHER }))).toBe(true);
});

/** As published: key `0123456789abcdef0123456789abcdef`, nonce `abcdefghijkl`. */
function open(pieces: readonly string[], associated_data: string): Record<string, unknown> {
  const resource = { ciphertext: pieces.join(''), associated_data, nonce: 'abcdefghijkl' };
  const bytes = openAesGcm(createAesKey('0123456789abcdef0123456789abcdef'), resource);
  return JSON.parse(String(bytes)) as Record<string, unknown>;
}

const PAYMENT = [
  'Eu66z5SEHaMKeNArKO4gB2QJgyeBuFdjJoYGpOpk9shA6tOMcTmRyyMesposor7trmWMhItuR9ny3Tw4zvLp',
  'Nbya7e/A0hE1N2sxWhta1g/Ix9lGmq0VO/N9UqFU3SVY0uea3tuSaD+Z/1ivSoBRnzKY0HxEJwUli1b2N90T',
  'I2XzIhRZO89cgP5TtzvONejYpMUF0Oi0L3eqhLmy3o51FKeWWaQ8ndnl2nslcESGpgWLciMwoq/lmQzTgePb',
  'Z5e/zSdaWKdzHswqmPKFR1uTlqQBdImxjttHTqht27aujwyoIB0ObGgISDKPDDbGlsmMaA0HCZn8VqKx/heV',
  'AAo5qvk9ifbcaMchw5s5fIlaFB1/pzbIrIalzzvYxjYBttU5GsoOJsix3TOEKjyubk0D2lUUO8qv2aRLIYcf',
  'lvVa8XejzdjxzEdLtRTiVdfegz3Ms0+UuwBYIFIewoG8krol9iyWUIeaGR1m9Eyk7Kj3/a56X/cGcPgJOaiI',
  'qeOux1bqZCXB22m3/izx+aBl3ew4DhAnFtgT4xF8TG5AjERwjZoReO/ymC45b+7ApkGprl4hjMrUK/hbsK3X',
  'ubOhc+oS+TH5B597QnRAqaA6MbyQxIQ5yMlVjarmgFfjk0nbPGwkeAflIcmBj6vdc003',
];
const REFUND = [
  'Eu66z5SIDrsKeNArKKhhD2wBiy+JsF55MpxN6bADo4kEocTeFHbDmnpKoJA+orfkvHme284qKY+sniso88Pn',
  'Z/bR3f/KwlJ9NGkyWBlY1A3L18dW3O1GZ6IwE6ZI0BRq2OvRgNuceD6Q/1ivSoBQnTuIyG4aYkBKzxSnY4h8',
  'fTrgOhovZooa67wH4X+QYYeG+9Yd3pjybSTwx+nhm9cqSsjPDKQqnZ+yjD57JCvf8heDYCQ0oq7lmAzTguvZ',
  'Z5a2zSNKQ7U+W558y5rJBh7PlrIBTL+Wq/wBPfltyKO/mXHhdi8vSgl3OTL4Y1fwsPnNIVwAJIzxXpjgsFTT',
  'VWdp4rpvhvzP2mK+HRCUoDH62qfYvyra7Mvp0RfJzRkW8Yx+POgjB8WDnHzJPiauLRRJHvuZ/V0VTUWApGrb',
  'DDGYcYh3zc7xnxoW9FemRsCVkB2S9xTIqQBZP1tcn935zPwr7m3bC5KJQkJviUu7x6bruvoiF/dMM+4/O9XW',
  '7vauy22nLnHSz/kKpDlWRNewio6QpIrJwcA=',
];

test('a payment told to a service provider is read for the app that it opened in', () => {
  const plain = open(PAYMENT, 'transaction');
  expect(dialect.merchantOf(plain)).toBe('ours');
  const from = { source: 'callback', proof: 'signature' } as const;
  expect(dialect.readTransaction(plain, from)).toMatchObject({
    is: 'paid',
    payment: { appid: SUB_APP, mchid: SP, sub_mchid: SHOP, openid: 'oSub', total: 1 },
  });
  expect(dialect.readPayer(plain)).toEqual({ appid: SUB_APP, openid: 'oSub', sub_mchid: SHOP });
  const { sub_appid: _app, ...inOurs } = plain;
  expect(dialect.readPayer(inOurs)).toMatchObject({ appid: SP_APP, openid: 'oSp' });
});

test('a refund told to a service provider names its shop', () => {
  const plain = open(REFUND, 'refund');
  expect(dialect.merchantOf(plain)).toBe('ours');
  expect(dialect.readRefund(plain)).toMatchObject({ status: 'SUCCESS', sub_mchid: SHOP });
});
