/** Requests that move money, as a service provider sends them for its shops. Made once, stored, repeated byte for byte. */
import type { DialectRequests, PartnerSettings } from './dialect';
import { createDirectRequests, post, refundBody } from './directRequests';
import { abnormalRefundPath, combinePath, partnerOrderPath, REFUND_PATH } from './v3Paths';
import { toRfc3339 } from '../../utils/time';
import type { Json } from '../../utils/json';

/** The provider's app goes with every order; the shop's own beside it, where the payment opens there. */
export const appsOf = (
  { appids }: Pick<PartnerSettings, 'appids'>,
  appid: string,
): { readonly sp_appid: string | undefined; readonly sub_appid: string | undefined } =>
  appids.includes(appid)
    ? { sp_appid: appid, sub_appid: undefined }
    : { sp_appid: appids[0], sub_appid: appid };

/** WeChat wants one of every part. */
export const attachOf = (sub: {
  readonly attach?: string;
  readonly out_trade_no: string;
}): string => sub.attach ?? sub.out_trade_no;

export function createPartnerRequests(settings: PartnerSettings): DialectRequests {
  const { mchid } = settings;
  const openidIn = (appid: string, openid: string | undefined, own: string): Json =>
    appsOf(settings, appid).sub_appid === undefined ? { [own]: openid } : { sub_openid: openid };
  const direct = createDirectRequests(settings);
  return {
    // The provider's own money, not a shop's.
    transfer: (draft) => direct.transfer(draft),
    order: (draft) =>
      post(partnerOrderPath(draft.product), {
        ...accountsOf(settings, draft),
        description: draft.description,
        out_trade_no: draft.no,
        time_expire: toRfc3339(draft.expires_at),
        attach: draft.attach,
        notify_url: settings.payNotifyUrl,
        amount: { total: draft.total, currency: 'CNY' },
        payer:
          draft.product === 'jsapi' ? openidIn(draft.appid, draft.openid, 'sp_openid') : undefined,
        scene_info: draft.scene,
        ...draft.extra,
      }),
    charge: (draft) =>
      post(partnerOrderPath('codepay'), {
        ...accountsOf(settings, draft),
        out_trade_no: draft.no,
        ...draft.fields,
        amount: { total: draft.total, currency: 'CNY' },
      }),
    combination: (draft) => {
      const { sp_appid, sub_appid } = appsOf(settings, draft.appid);
      return post(combinePath(draft.product), {
        combine_appid: sp_appid,
        combine_mchid: mchid,
        combine_out_trade_no: draft.no,
        combine_payer_info:
          draft.product === 'jsapi' ? openidIn(draft.appid, draft.openid, 'openid') : undefined,
        scene_info: draft.scene,
        sub_orders: draft.sub_orders.map((sub) => ({
          ...sub,
          mchid,
          sub_appid,
          attach: attachOf(sub),
          amount: { total_amount: sub.amount.total_amount, currency: 'CNY' },
        })),
        time_expire: toRfc3339(draft.expires_at),
        notify_url: settings.payNotifyUrl,
      });
    },
    refund: ({ sub_mchid }, draft) =>
      post(REFUND_PATH, { sub_mchid, ...refundBody(settings, draft) }),
    abnormalRefund: ({ sub_mchid }, { refund_id, serial, ...fields }) =>
      post(abnormalRefundPath(refund_id), { sub_mchid, ...fields }, serial),
  };
}

const accountsOf = (
  settings: PartnerSettings,
  { appid, sub_mchid }: { readonly appid: string; readonly sub_mchid: string | undefined },
): Json => {
  const { sp_appid, sub_appid } = appsOf(settings, appid);
  return { sp_appid, sp_mchid: settings.mchid, sub_appid, sub_mchid };
};
