/**
 * The two voices of this service: the envelope of the API and WeChat's `code`/`message` for notifications.
 * Whatever leaves goes through here; nothing of an SDK or of WeChat leaves unwrapped.
 */
import type { ServerResponse } from 'node:http';
import { AppError, ERRORS } from './errors';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Written without Express's own `json`: no ETag, one write, a known length. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'content-type': JSON_TYPE,
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  res.end(text);
}

/** `{code:0,msg:"success",data:{status,data}}`; the HTTP status is 202 while the outcome is unknown. */
export function sendSuccess(res: ServerResponse, status: number, data: unknown): void {
  const http = status === 202 ? 202 : 200;
  sendJson(res, http, { code: 0, msg: 'success', data: { status, data } });
}

export function sendError(res: ServerResponse, error: AppError, requestId: string): void {
  const headers: Record<string, string> = {};
  if (error.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(error.retryAfterSeconds);
  }
  const plain = error.status >= 500 && error.code === 'INVARIANT_BROKEN';
  sendJson(
    res,
    error.status,
    {
      code: -1,
      msg: plain ? ERRORS[error.code].msg : error.message,
      error: error.code,
      requestId,
      data: error.upstream ?? null,
    },
    headers,
  );
}

export function sendNotified(res: ServerResponse): void {
  sendJson(res, 200, { code: 'SUCCESS', message: '成功' });
}

/** 4xx: not genuine. 5xx: try again. */
export function sendNotRecorded(res: ServerResponse, error: AppError): void {
  sendJson(res, error.status, { code: 'FAIL', message: ERRORS[error.code].msg });
}
