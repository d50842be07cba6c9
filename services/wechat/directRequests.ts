/** Requests that move money, as a merchant of its own sends them. Made once, stored, repeated byte for byte. */
import type { DialectRequests, DialectSettings, RefundDraft } from './dialect';
import { abnormalRefundPath, combinePath, orderPath, REFUND_PATH, TRANSFER_PATH } from './v3Paths';
import type { WechatRequest } from '../ledger/record';
import { toRfc3339 } from '../../utils/time';
import type { Json } from '../../utils/json';

/** JSON leaves out what is undefined. */
export const post = (path: string, body: Json, serial?: string): WechatRequest => ({
  method: 'POST',
  path,
  body: JSON.stringify(body),
  ...(serial === undefined ? {} : { serial }),
});

export function createDirectRequests(settings: DialectSettings): DialectRequests {
  const { mchid } = settings;
  return {
    order: (draft) =>
      post(orderPath(draft.product), {
        appid: draft.appid,
        mchid,
        description: draft.description,
        out_trade_no: draft.no,
        time_expire: toRfc3339(draft.expires_at),
        attach: draft.attach,
        notify_url: settings.payNotifyUrl,
        amount: { total: draft.total, currency: 'CNY' },
        payer: draft.product === 'jsapi' ? { openid: draft.openid } : undefined,
        scene_info: draft.scene,
        ...draft.extra,
      }),
    charge: ({ no, appid, total, fields }) =>
      post(orderPath('codepay'), {
        appid,
        mchid,
        out_trade_no: no,
        ...fields,
        amount: { total, currency: 'CNY' },
      }),
    combination: (draft) =>
      post(combinePath(draft.product), {
        combine_appid: draft.appid,
        combine_mchid: mchid,
        combine_out_trade_no: draft.no,
        combine_payer_info: draft.product === 'jsapi' ? { openid: draft.openid } : undefined,
        scene_info: draft.scene,
        sub_orders: draft.sub_orders.map((sub) => ({
          ...sub,
          mchid,
          amount: { total_amount: sub.amount.total_amount, currency: 'CNY' },
        })),
        time_expire: toRfc3339(draft.expires_at),
        notify_url: settings.payNotifyUrl,
      }),
    refund: (_order, draft) => post(REFUND_PATH, refundBody(settings, draft)),
    abnormalRefund: (_order, { refund_id, serial, ...fields }) =>
      post(abnormalRefundPath(refund_id), fields, serial),
    transfer: (draft) =>
      post(
        TRANSFER_PATH,
        {
          appid: draft.appid,
          out_bill_no: draft.no,
          transfer_scene_id: draft.transfer_scene_id,
          openid: draft.openid,
          user_name: draft.user_name,
          transfer_amount: draft.transfer_amount,
          transfer_remark: draft.transfer_remark,
          notify_url: settings.transferNotifyUrl,
          user_recv_perception: draft.user_recv_perception,
          transfer_scene_report_infos: draft.transfer_scene_report_infos,
        },
        draft.serial,
      ),
  };
}

export const refundBody = (settings: DialectSettings, draft: RefundDraft): Json => ({
  transaction_id: draft.transaction_id,
  out_refund_no: draft.out_refund_no,
  reason: draft.reason,
  notify_url: settings.refundNotifyUrl,
  funds_account: draft.funds_account,
  amount: { refund: draft.refund, total: draft.total, currency: 'CNY' },
  goods_detail: draft.goods_detail,
});
