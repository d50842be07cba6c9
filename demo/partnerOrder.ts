/** One order of a service provider (服务商), for one of its shops: from the shop's own app to the refund. */
import { expecter, type Tally } from './expect';
import type { Harness } from './harness';
import { payAsPayer, PRICE_FEN } from './scenario';
import { dig, textOf } from './wording';
import { words } from './types';
import type { SimulatorOptions } from '../simulator';

const SHOP = '1900000109';
const SHOP_APP = 'wx2222222222222222';
const OTHER_SHOP = '1900000209';

export const WITH_SHOPS: SimulatorOptions = {
  subMerchants: [{ sub_mchid: SHOP, sub_appid: SHOP_APP }, { sub_mchid: OTHER_SHOP }],
};

const NO = 'TEA_SHOP_1';

export async function runPartner(harness: Harness, tally: Tally): Promise<void> {
  const expect = expecter(harness, tally);
  const inShop = { 'x-wx-openid': harness.payerOpenid, 'x-wx-appid': SHOP_APP };
  const order = (no: string, sub_mchid: string) =>
    harness.ask({
      from: 'app',
      text: words('在子商户小程序下单', "order in the shop's own app", `${no} ${sub_mchid}`),
      path: '/wx-pay/wxpay_order',
      body: {
        out_trade_no: no,
        sub_mchid,
        description: '龙井茶 Longjing tea',
        amount: { total: PRICE_FEN, currency: 'CNY' },
      },
      headers: inShop,
      checks: [words('子商户在名单内', 'the shop is on the list', 'subMerchants')],
    });
  harness.receiver.price(NO, PRICE_FEN);
  const placed = await order(NO, SHOP);
  expect(words('收银台在子商户小程序打开', "the cashier opens in the shop's app"), {
    actual: textOf(dig(placed.body, 'data', 'data', 'appId')),
    expected: SHOP_APP,
  });
  const foreign = await order('TEA_SHOP_2', OTHER_SHOP);
  expect(words('不能替别的子商户下单', 'not for another shop'), {
    actual: foreign.status,
    expected: 403,
  });
  payAsPayer(harness, NO);
  const told = await harness.deliver({ kind: 'payment', no: NO, ciphertext: true });
  const paid = await harness.look('order', NO);
  expect(words('回调核对子商户号后记录', 'the callback names the shop, and is recorded'), {
    actual: `${String(told)} ${paid?.state ?? ''}`,
    expected: '200 PAID',
  });
  const refund = await harness.ask({
    from: 'shop',
    text: words('退款带上子商户号', 'the refund names the shop', `${NO}_R1`),
    path: '/wx-pay/wxpay_refund',
    body: {
      out_trade_no: NO,
      out_refund_no: `${NO}_R1`,
      amount: { refund: PRICE_FEN, total: PRICE_FEN, currency: 'CNY' },
    },
    headers: harness.as.operator,
    checks: [],
  });
  const sent = harness.simulator.requests.find((one) => one.path.endsWith('/domestic/refunds'));
  expect(words('微信收到的退款属于该子商户', "WeChat Pay sees this shop's refund"), {
    actual: `${String(refund.status)} ${sent?.body.includes(`"sub_mchid":"${SHOP}"`) === true ? SHOP : ''}`,
    expected: `200 ${SHOP}`,
  });
}
