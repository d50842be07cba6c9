/**
 * The two forms of answers: the envelope of the API, and WeChat's `code`/`message` for notifications.
 * Every answer goes through here; nothing of an SDK or of WeChat is sent unwrapped.
 */
import type { ServerResponse } from 'node:http';
import { AppError, ERRORS } from './errors';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Names and values in turn, as Node writes them out without asking again. */
export type HeaderList = readonly string[];

/** Written without Express's own `json`: no ETag, one write, a known length. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: HeaderList = [],
): void {
  sendText(res, status, JSON.stringify(body), headers);
}

function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: HeaderList,
  type = JSON_TYPE,
): void {
  const length = String(Buffer.byteLength(text));
  res.writeHead(status, [...headers, 'content-type', type, 'content-length', length]);
  res.end(text);
}

/** `{code:0,msg:"success",data:{status,data}}`; the HTTP status is 202 while the outcome is unknown. */
export function sendSuccess(
  res: ServerResponse,
  status: number,
  data: unknown,
  headers: HeaderList,
): void {
  const http = status === 202 ? 202 : 200;
  sendJson(res, http, { code: 0, msg: 'success', data: { status, data } }, headers);
}

export function sendError(
  res: ServerResponse,
  error: AppError,
  requestId: string,
  headers: HeaderList,
): void {
  const { retryAfterSeconds } = error;
  const retry = retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)];
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
    [...headers, ...retry],
  );
}

/** How a callback is answered, in the format that its sender reads. */
export interface Acknowledgement {
  readonly contentType: string;
  readonly recorded: string;
  readonly notRecorded: (message: string) => string;
}

export const JSON_ACKNOWLEDGEMENT: Acknowledgement = {
  contentType: JSON_TYPE,
  recorded: JSON.stringify({ code: 'SUCCESS', message: '成功' }),
  notRecorded: (message) => JSON.stringify({ code: 'FAIL', message }),
};

export function sendNotified(
  res: ServerResponse,
  { contentType, recorded }: Acknowledgement,
  headers: HeaderList,
): void {
  sendText(res, 200, recorded, headers, contentType);
}

/** 4xx: not genuine. 5xx: try again. */
export function sendNotRecorded(
  res: ServerResponse,
  { contentType, notRecorded }: Acknowledgement,
  error: AppError,
  headers: HeaderList,
): void {
  sendText(res, error.status, notRecorded(ERRORS[error.code].msg), headers, contentType);
}
