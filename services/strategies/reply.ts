import type { Logger } from '../../utils/logger';
import type { HttpFault, HttpReply } from './http';
import { readJsonObject, textOf, type JsonObject } from './readJsonObject';
import { isProbe, type Unproven } from './signature';
import type { WechatCall, WechatReply } from './strategy';
import { callFields, type Judged, type JudgeContext } from './transport';
import type { Verifier } from './verifier';

/** Codes are compared without underscores: WeChat writes both forms. */
const NOT_REPEATED: ReadonlySet<string> = new Set([
  'OPENIDMISMATCH',
  'INVALIDTRANSACTIONID',
  // The user is typing the password: the same call again would only ask him to hurry.
  'USERPAYING',
]);
const MESSAGE_MAX = 512;

export function requestIdOf(reply: HttpReply): string | null {
  const id = reply.headers['request-id'];
  return typeof id === 'string' ? id : null;
}

export function faultReply(fault: HttpFault): WechatReply {
  const reason = fault.reason === 'oversize' ? 'unproven' : fault.reason;
  return { kind: 'unknown', reason, code: fault.code, requestId: null };
}

/**
 * What one HTTP reply says, and whether the same call is worth repeating. Only bytes whose signature was
 * checked become `proven`; everything that may hide a carried-out call becomes `unknown`.
 */
export function createReplyJudge(deps: { verifier: Verifier; logger: Logger }) {
  return async function judge(
    call: WechatCall,
    reply: HttpReply,
    context: JudgeContext,
  ): Promise<Judged<WechatReply>> {
    const { status } = reply;
    const ok = status >= 200 && status < 300 && status !== 202;
    const refusal = status >= 400 && status < 500 && status !== 429;
    const body = readJsonObject(reply.raw);
    if (!ok && !refusal) return judgeStatus(reply, body);

    const { headers, raw } = reply;
    const verdict = await deps.verifier.verify({ headers, raw, waitMs: context.leftMs });
    if (verdict !== 'proven') logUnproven(deps.logger, call, reply, verdict);
    if (refusal) return { value: judgeRefusal(reply, body, verdict, context), again: false };
    const requestId = requestIdOf(reply);
    if (verdict !== 'proven') {
      const reason = verdict === 'keys' ? 'keys' : 'unproven';
      return { value: { kind: 'unknown', reason, status, requestId }, again: reason !== 'keys' };
    }
    const facts = raw.length === 0 && status === 204 ? {} : body;
    if (facts === undefined) {
      return { value: { kind: 'unknown', reason: 'unproven', status, requestId }, again: true };
    }
    const { repeated } = context;
    return { value: { kind: 'proven', status, body: facts, requestId, repeated }, again: false };
  };
}

/** 202, 3xx, 429 and 5xx: the outcome is open, proven or not. Redirects are never followed. */
function judgeStatus(reply: HttpReply, body: JsonObject | undefined): Judged<WechatReply> {
  const { status } = reply;
  const { code, message } = wordsOf(reply, body);
  const repeatable = status === 202 || status === 429 || status >= 500;
  return {
    value: {
      kind: 'unknown',
      reason: 'status',
      status,
      code,
      message,
      requestId: requestIdOf(reply),
    },
    again: repeatable && !NOT_REPEATED.has(code.replaceAll('_', '')),
  };
}

function judgeRefusal(
  reply: HttpReply,
  body: JsonObject | undefined,
  verdict: 'proven' | Unproven,
  { repeated }: JudgeContext,
): WechatReply {
  const { status } = reply;
  const requestId = requestIdOf(reply);
  if (verdict === 'proven' && body !== undefined) {
    return { kind: 'proven', status, body, requestId, repeated };
  }
  return { kind: 'refused', status, ...wordsOf(reply, body), requestId, repeated };
}

function wordsOf(
  reply: HttpReply,
  body: JsonObject | undefined,
): { code: string; message: string } {
  return {
    code: textOf(body, 'code') ?? `HTTP_${String(reply.status)}`,
    message: (textOf(body, 'message') ?? '').slice(0, MESSAGE_MAX),
  };
}

/** Removed headers are distinguished from a wrong signature: one is a proxy's fault, the other an attack. */
function logUnproven(logger: Logger, call: WechatCall, reply: HttpReply, reason: Unproven): void {
  const probe = isProbe(reply.headers);
  const fields = {
    ...callFields(call),
    status: reply.status,
    wechat_request_id: requestIdOf(reply),
    reason: probe ? 'probe' : reason,
  };
  const usual = probe || (reply.status >= 400 && reason === 'headers_missing');
  if (usual) logger.info(fields, 'wechatpay reply unproven');
  else logger.warn(fields, 'wechatpay reply unproven');
}
