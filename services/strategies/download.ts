import type { IncomingMessage } from 'node:http';
import { UpstreamError, type UpstreamInfo } from '../../utils/errors';
import type { Clock } from '../../utils/clock';
import type { HttpClient, HttpFault } from './http';
import { readJsonObject, textOf } from './readJsonObject';
import type { Transport } from './transport';

const PATH = '/v3/billdownload/file';
const OFFICIAL = ['https://api.mch.weixin.qq.com', 'https://api2.mch.weixin.qq.com'];
const HEAD_MS = 5_000;
const ATTEMPTS_MAX = 3;
const PAUSE_MS = 200;
/** A bill that stops flowing for so long is broken off: the reader sees an error, not a short bill. */
const IDLE_MS = 10_000;
const ERROR_BYTES_MAX = 16_384;

export interface DownloadDeps {
  readonly http: HttpClient;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly requestSerial: string | undefined;
  readonly baseUrl: string;
  readonly backupUrl: string | undefined;
}

/**
 * Streams a bill file. The request is signed as any other, so it must never go to a host that is not
 * WeChat's, whatever `download_url` says; the reply carries no signature: its hash, from a proven
 * reply, is the reader's to check.
 *
 * @throws UpstreamError WECHATPAY_UNPROVEN (foreign URL) · WECHATPAY_REJECTED · WECHATPAY_UNAVAILABLE ·
 *   WECHATPAY_TIMEOUT. After that the stream itself may fail.
 */
export function createDownload(deps: DownloadDeps) {
  const origins = new Set(
    [...OFFICIAL, deps.baseUrl, deps.backupUrl]
      .filter((url) => url !== undefined)
      .map((url) => new URL(url).origin),
  );

  return async function download(
    text: string,
    deadline = Number.POSITIVE_INFINITY,
  ): Promise<NodeJS.ReadableStream> {
    const url = readUrl(text, origins);
    const leftMs = (): number => deadline - deps.clock.now();
    let fault: HttpFault | undefined;
    for (let n = 0; n < ATTEMPTS_MAX && leftMs() > 0; n += 1) {
      if (n > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * n));
      const request = await deps.transport.prepare(
        {
          method: 'GET',
          path: url.pathname + url.search,
          ...(deps.requestSerial === undefined ? {} : { serial: deps.requestSerial }),
        },
        url.origin,
        Math.min(HEAD_MS, leftMs()),
      );
      const opened = await deps.http.open({ ...request, fresh: fault !== undefined });
      if ('stream' in opened) return accept(opened.stream, leftMs());
      fault = opened.fault;
    }
    const code = fault?.reason === 'network' ? 'WECHATPAY_UNAVAILABLE' : 'WECHATPAY_TIMEOUT';
    throw new UpstreamError(code, { detail: fault?.code ?? 'DEADLINE' });
  };
}

function readUrl(text: string, origins: ReadonlySet<string>): URL {
  const url = parseUrl(text);
  const bare = url?.username === '' && url.password === '';
  if (url === undefined || !bare || !origins.has(url.origin) || url.pathname !== PATH) {
    throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'download_url is not WeChat Pay’s' });
  }
  return url;
}

/** `URL.canParse` came with Node 18.17; the platform's own is 18.15. */
function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

async function accept(stream: IncomingMessage, leftMs: number): Promise<NodeJS.ReadableStream> {
  stream.setTimeout(IDLE_MS, () => stream.destroy(new Error('BILL_IDLE')));
  if (Number.isFinite(leftMs)) {
    const timer = setTimeout(() => stream.destroy(new Error('BILL_DEADLINE')), Math.max(1, leftMs));
    stream.once('close', () => {
      clearTimeout(timer);
    });
  }
  if (stream.statusCode === 200) return stream;
  throw await refusal(stream);
}

async function refusal(stream: IncomingMessage): Promise<UpstreamError> {
  const status = stream.statusCode ?? 0;
  const body = readJsonObject(await readSome(stream));
  const requestId = stream.headers['request-id'];
  const rejected = status >= 400 && status < 500 && status !== 429;
  const upstream: UpstreamInfo = {
    status,
    code: textOf(body, 'code') ?? `HTTP_${String(status)}`,
    message: textOf(body, 'message') ?? '',
    requestId: typeof requestId === 'string' ? requestId : null,
    retryable: !rejected,
  };
  return new UpstreamError(rejected ? 'WECHATPAY_REJECTED' : 'WECHATPAY_UNAVAILABLE', { upstream });
}

/** The start of an error reply; whatever goes wrong on the way only shortens it. */
async function readSome(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ERROR_BYTES_MAX) break;
    }
  } catch {
    // A broken error page is still an error: its status is known.
  }
  stream.destroy();
  return Buffer.concat(chunks);
}
