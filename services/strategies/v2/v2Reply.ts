/**
 * What one HTTP reply of API v2 says. Three layers: `return_code` (FAIL: nothing is signed), the signature, and
 * `result_code` with WeChat's own error. Only what carries a signature of the merchant's key is `proven`; of proven
 * refusals those that mean "try again" leave the outcome unknown.
 */
import type { SignTypeV2 } from '../../../config/types';
import type { Logger } from '../../../utils/logger';
import type { HttpReply } from '../http';
import { requestIdOf } from '../reply';
import type { WechatCall, WechatReply } from '../strategy';
import { callFields, type Judged, type JudgeContext } from '../transport';
import { holdsV2, typeOfSign } from './sign';
import { readXml, type XmlFields } from './xml';

const MESSAGE_MAX = 512;
/** WeChat's side failed: it may have been done, and the same request is right. */
const AGAIN: ReadonlySet<string> = new Set(['SYSTEMERROR', 'BIZERRNEEDRETRY', 'BANKERROR']);
/** The payer is still to confirm. */
const UNDER_WAY: ReadonlySet<string> = new Set(['USERPAYING']);
const LIMITED: ReadonlySet<string> = new Set([
  'FREQUENCYLIMITED',
  'INVALIDREQTOOMUCH',
  'RATELIMIT',
]);
/** Of an answer without any code. */
const SAYS_SIGN = /签名|sign/i;
const SAYS_SYSTEM = /系统|system/i;

export interface V2Key {
  readonly apiKeyV2: string;
  /** As the request was signed. */
  readonly type: SignTypeV2;
}

export const judgeV2 =
  ({ logger }: { readonly logger: Logger }, key: V2Key) =>
  (call: WechatCall, reply: HttpReply, { repeated }: JudgeContext): Judged<WechatReply> => {
    const { status } = reply;
    const requestId = requestIdOf(reply);
    if (status !== 200) return judgeStatus(reply, repeated);
    const fields = readXml(reply.raw);
    const unproven = (reason: string): Judged<WechatReply> => {
      logger.warn({ ...callFields(call), status, reason }, 'wechatpay reply unproven');
      return { value: { kind: 'unknown', reason: 'unproven', status, requestId }, again: true };
    };
    if (fields === undefined) return unproven('no xml');
    if (fields.get('return_code') !== 'SUCCESS') return unsigned(fields, { repeated, requestId });
    // The type of the request, and no weaker one.
    if (typeOfSign(fields) !== key.type || !holdsV2(fields, key.apiKeyV2, key.type)) {
      return unproven(fields.has('sign') ? 'signature' : 'no signature');
    }
    return judgeProven(fields, { repeated, requestId }) ?? unproven('no result');
  };

type Context = { readonly repeated: boolean; readonly requestId: string | null };

/** @returns undefined where it says neither success nor a refusal by its code. */
function judgeProven(
  fields: XmlFields,
  { repeated, requestId }: Context,
): Judged<WechatReply> | undefined {
  const body = Object.fromEntries(fields);
  if (fields.get('result_code') === 'SUCCESS') {
    return { value: { kind: 'proven', status: 200, body, requestId, repeated }, again: false };
  }
  const code = fields.get('err_code') ?? '';
  if (fields.get('result_code') !== 'FAIL' || code === '') return undefined;
  const message = (fields.get('err_code_des') ?? '').slice(0, MESSAGE_MAX);
  const plain = code.replaceAll('_', '').toUpperCase();
  const unknown = (status: number, again: boolean): Judged<WechatReply> => ({
    value: { kind: 'unknown', reason: 'status', status, code, message, requestId },
    again,
  });
  if (AGAIN.has(plain)) return unknown(500, true);
  if (UNDER_WAY.has(plain)) return unknown(202, false);
  if (LIMITED.has(plain)) return unknown(429, false);
  const said = { ...body, code, message };
  return { value: { kind: 'proven', status: 400, body: said, requestId, repeated }, again: false };
}

/** A refusal of the request as such. It is never signed, so it proves nothing. */
function unsigned(fields: XmlFields, { repeated, requestId }: Context): Judged<WechatReply> {
  const message = (fields.get('return_msg') ?? '').slice(0, MESSAGE_MAX);
  const told = fields.get('error_code') ?? fields.get('err_code') ?? '';
  if (SAYS_SYSTEM.test(message)) {
    const code = 'SYSTEMERROR';
    return {
      value: { kind: 'unknown', reason: 'status', status: 500, code, message, requestId },
      again: true,
    };
  }
  const word = /^[A-Z_]{1,32}$/.test(told) ? told : 'PARAM_ERROR';
  const code = SAYS_SIGN.test(message) ? 'SIGN_ERROR' : word;
  return {
    value: { kind: 'refused', status: 400, code, message, requestId, repeated },
    again: false,
  };
}

/** The front of the API, or something on the way to it: pages, not XML. */
function judgeStatus(reply: HttpReply, repeated: boolean): Judged<WechatReply> {
  const { status } = reply;
  const requestId = requestIdOf(reply);
  const text = reply.raw.toString('utf8', 0, MESSAGE_MAX);
  if (status >= 400 && status < 500 && status !== 429) {
    const certificate = /certificate|证书/i.test(text);
    const code = certificate ? 'CLIENT_CERTIFICATE' : `HTTP_${String(status)}`;
    const message = certificate ? text.replace(/<[^>]*>|\s+/g, ' ').trim() : '';
    return {
      value: { kind: 'refused', status, code, message, requestId, repeated },
      again: false,
    };
  }
  const code = `HTTP_${String(status)}`;
  return {
    value: { kind: 'unknown', reason: 'status', status, code, message: '', requestId },
    again: status === 429 || status >= 500,
  };
}
