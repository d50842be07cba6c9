/** The direct merchant's dialect: what it says, and that it recognises what it said. */
import { createDirectDialect } from '../../services/wechat/directDialect';
import { ownRef } from '../../services/wechat/dialect';
import { createRequestGuard, isRequestRefused } from '../../services/wechat/storedRequest';
import type { OrderRecord, WechatRequest } from '../../services/ledger/record';
import { requireAbility } from '../../services/strategies/strategy';
import { silentLogger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';

const MCHID = '1900000001';
const dialect = createDirectDialect({
  mchid: MCHID,
  appids: ['wx1'],
  payNotifyUrl: 'https://shop.example/pay',
  refundNotifyUrl: 'https://shop.example/refund',
  transferNotifyUrl: undefined,
});
const requests = createRequestGuard({ dialect, logger: silentLogger, transferMaxFen: 20_000 });
const draft = {
  no: 'A1',
  sub_mchid: undefined,
  appid: 'wx1',
  description: 'tea',
  total: 100,
  attach: undefined,
  openid: 'o1',
  expires_at: Date.UTC(2026, 0, 2, 3, 4, 5),
  scene: undefined,
  extra: {},
} as const;

const placed = (product: OrderRecord['product'], request: WechatRequest): OrderRecord =>
  anOrder('A1', {
    product,
    appid: 'wx1',
    mchid: MCHID,
    description: 'tea',
    amount: { total: 100, currency: 'CNY' },
    payer: 'o1',
    request,
  });

test.each(['jsapi', 'h5', 'native', 'app'] as const)(
  '%s: its own request passes its own check',
  (product) => {
    const request = dialect.requests.order({ ...draft, product });
    expect(requests.prepay(placed(product, request))).toBe(request);
  },
);

test('a request that was changed after it was made is refused', () => {
  const made = dialect.requests.order({ ...draft, product: 'jsapi' });
  const body = made.body.replace('"total":100', '"total":1');
  const sending = (): unknown => requests.prepay(placed('jsapi', { ...made, body }));
  expect(sending).toThrow();
  try {
    sending();
  } catch (error) {
    expect(isRequestRefused(error)).toBe(true);
  }
});

test('an order for WeChat names the accounts, the time in Beijing and nothing that is missing', () => {
  const { path, body } = dialect.requests.order({ ...draft, product: 'jsapi' });
  expect(path).toBe('/v3/pay/transactions/jsapi');
  expect(JSON.parse(body)).toEqual({
    appid: 'wx1',
    mchid: MCHID,
    description: 'tea',
    out_trade_no: 'A1',
    time_expire: '2026-01-02T11:04:05+08:00',
    notify_url: 'https://shop.example/pay',
    amount: { total: 100, currency: 'CNY' },
    payer: { openid: 'o1' },
  });
});

test('a number is encoded where it enters a path, and the account is ours whatever a record says', () => {
  const foreign = { no: 'A/1?', mchid: '1900000009' };
  expect(dialect.queryOrder(foreign).path).toBe(
    `/v3/pay/transactions/out-trade-no/A%2F1%3F?mchid=${MCHID}`,
  );
  expect(dialect.closeOrder(foreign).body).toBe(JSON.stringify({ mchid: MCHID }));
  expect(dialect.queryRefund(foreign, 'R/1').path).toBe('/v3/refund/domestic/refunds/R%2F1');
  expect(ownRef(dialect, 'A1')).toEqual({ no: 'A1', mchid: MCHID });
});

test('what a strategy cannot do is refused before anything is recorded', () => {
  const can = { encrypt: true, transfer: false, combine: true };
  expect(() => {
    requireAbility({ can }, 'transfer');
  }).toThrow(expect.objectContaining({ code: 'NOT_IN_V2' }) as Error);
  expect(() => {
    requireAbility({ can }, 'combine');
  }).not.toThrow();
});
