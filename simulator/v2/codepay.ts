import { settlePayment } from '../orders';
import { DAY_MS } from '../time';
import type { World } from '../world';
import { BusinessError, check, OUT_TRADE_NO, R, type V2Request } from './checks';
import { paymentFields } from './notices';
import { create, fingerprintOf, GOODS, orderOf } from './orders';
import type { Fields } from './xml';

const REVERSE_AGE_MAX_MS = 7 * DAY_MS;

/** The payer shows his code; the answer says at once how it went, or that he must confirm. */
export function micropay(world: World, request: V2Request): Fields {
  check(world, request, { ...GOODS, auth_code: { max: 128, ...R } });
  const { fields } = request;
  const code = fields.auth_code ?? '';
  if (!/^1[0-5]\d{16}$/.test(code)) throw new BusinessError('AUTH_CODE_INVALID', '付款码无效');
  const known = orderOf(world, fields.out_trade_no);
  const fingerprint = fingerprintOf(request);
  if (known !== undefined) {
    if (known.fingerprint !== fingerprint) {
      throw new BusinessError('OUT_TRADE_NO_USED', '商户订单号重复');
    }
    return outcome(known.state, paymentFields(known));
  }
  if (world.authCodes.has(code))
    throw new BusinessError('AUTHCODEEXPIRE', '二维码已过期，请刷新再试');
  world.authCodes.add(code);
  const order = create(world, request, { product: 'codepay', fingerprint });
  order.state = 'USERPAYING';
  const { codepayResult } = world.switches;
  if (codepayResult === 'SUCCESS') settlePayment(world, order, {});
  if (codepayResult === 'PAYERROR') order.state = 'PAYERROR';
  return outcome(order.state, paymentFields(order));
}

function outcome(state: string, payment: Fields): Fields {
  if (state === 'SUCCESS' || state === 'REFUND') return payment;
  if (state === 'USERPAYING') throw new BusinessError('USERPAYING', '需要用户输入支付密码');
  if (state === 'REVOKED') throw new BusinessError('ORDERREVERSED', '订单已撤销');
  throw new BusinessError('TRADE_ERROR', '交易错误');
}

/** Gives a paid order's money back in full, ends an unpaid one; may be repeated. */
export function reverse(world: World, request: V2Request): Fields {
  check(world, request, { transaction_id: { max: 32 }, out_trade_no: OUT_TRADE_NO });
  const order = orderOf(world, request.fields.out_trade_no);
  if (order === undefined) throw new BusinessError('ORDERNOTEXIST', '订单不存在');
  if (order.product !== 'codepay') throw new BusinessError('TRADE_STATE_ERROR', '订单状态错误');
  if (order.state !== 'REVOKED') {
    const ageMs = world.now() - order.createdMs;
    if (ageMs < world.switches.reverseMinMs) {
      throw new BusinessError('TRADE_STATE_ERROR', '支付后15秒内不允许撤销');
    }
    if (ageMs > REVERSE_AGE_MAX_MS) throw new BusinessError('REVERSE_EXPIRE', '订单无法撤销');
    if (order.refundNos.length > 0) throw new BusinessError('TRADE_STATE_ERROR', '订单已有退款');
    order.closedMs = world.now();
    order.state = 'REVOKED';
  }
  return { recall: 'N' };
}
