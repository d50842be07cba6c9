/** Replies of API v2 in the form of v3. What was proven stays so, and nothing becomes proven here. */
import { asObject, asText } from '../readFacts';
import { acceptedRefundOf, queriedRefundOf, transactionOf } from './v2Facts';
import { V2_PATHS } from '../../strategies/v2/v2Paths';
import { v3Words } from './v2Words';
import type { WechatCall, WechatReply } from '../../strategies/strategy';
import type { Json } from '../../../utils/json';

export function hearV2(mchid: string, call: WechatCall, reply: WechatReply): WechatReply {
  if (reply.kind === 'refused') return { ...reply, ...wordsOf(reply) };
  if (reply.kind !== 'proven') return reply;
  if (reply.status !== 200) return refusal(call, reply);
  // An answer to another merchant's question proves nothing here.
  if (reply.body.mch_id !== undefined && reply.body.mch_id !== mchid) {
    const { requestId } = reply;
    return { kind: 'unknown', reason: 'unproven', status: 200, requestId };
  }
  if (call.path === V2_PATHS.close) return { ...reply, status: 204, body: {} };
  return { ...reply, body: bodyOf(call, reply.body) };
}

type Proven = WechatReply & { readonly kind: 'proven' };

const wordsOf = ({ status, code }: { status: number; code: string }) => {
  const words = v3Words(code);
  return { code: words.code, status: status === 400 ? words.status : status };
};

function refusal(call: WechatCall, reply: Proven): WechatReply {
  const code = asText(reply.body.code) ?? 'UNKNOWN';
  const words = v3Words(code);
  // Closing what is closed is done.
  if (call.path === V2_PATHS.close && words.code === 'ORDERCLOSED') {
    return { ...reply, status: 204, body: {} };
  }
  return { ...reply, status: words.status, body: { ...reply.body, code: words.code } };
}

function bodyOf(call: WechatCall, fields: Json): Json {
  switch (call.path) {
    case V2_PATHS.order:
      return prepayOf(call, fields);
    case V2_PATHS.charge:
      return transactionOf(fields, 'SUCCESS');
    case V2_PATHS.query:
      return transactionOf(fields);
    case V2_PATHS.refund:
      return acceptedRefundOf(fields);
    case V2_PATHS.refundQuery:
      return queriedRefundOf(fields, asText(askedOf(call).out_refund_no) ?? '');
    case V2_PATHS.reverse:
      // It does not name the order, so it ends nothing: a query does.
      return { appid: fields.appid, mchid: fields.mch_id, recall: fields.recall };
    default:
      return fields;
  }
}

const askedOf = (call: WechatCall): Json => asObject(JSON.parse(call.body ?? '{}')) ?? {};

/** Of the trade type that was asked for, and no other. */
function prepayOf(call: WechatCall, fields: Json): Json {
  if (fields.trade_type !== askedOf(call).trade_type) return {};
  const { prepay_id, code_url, mweb_url: h5_url } = fields;
  return { prepay_id, code_url, h5_url };
}
