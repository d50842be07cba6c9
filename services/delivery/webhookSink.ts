/**
 * Effects as signed HTTP requests.
 * Source: Standard Webhooks, https://www.standardwebhooks.com (specification 1.0.0).
 */
import { createHmac } from 'node:crypto';
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { DELIVERY_TIMEOUT_MS, DeliveryError, foreignCode, withDeadline } from './sink';
import type { Sink, SinkDeps } from './sink';
import type { CloudEvent } from '../ledger/effectTypes';
import { isPrivateAddress } from '../../utils/addresses';

/** Connections to the receiver at once; more deliveries wait, within their 15 s. */
const SOCKETS_MAX = 16;
/** Of the answer only the status counts; so much of its body is read to keep the connection, then cut. */
const REPLY_BYTES_MAX = 64 * 1024;
const SECRET_PREFIX = 'whsec_';

export interface WebhookSinkOptions extends SinkDeps {
  readonly url: string;
  /** One, or two while rotating: `whsec_` and base64, or any text taken as it is. */
  readonly secrets: readonly string[];
  readonly timeoutMs?: number;
  /** Tests only: how names are resolved. */
  readonly resolve?: typeof lookup;
}

/** `v1,<base64>` for each secret, space between: a receiver accepts any one it knows. */
export function webhookSignature(
  message: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
  secrets: readonly string[],
): string {
  const content = `${message.id}.${String(message.timestampSeconds)}.${message.body}`;
  return secrets
    .map((secret) => `v1,${createHmac('sha256', key(secret)).update(content).digest('base64')}`)
    .join(' ');
}

const key = (secret: string): Buffer =>
  secret.startsWith(SECRET_PREFIX)
    ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');

export function createWebhookSink(options: WebhookSinkOptions): Sink {
  const url = new URL(options.url);
  const secure = url.protocol === 'https:';
  const timeoutMs = options.timeoutMs ?? DELIVERY_TIMEOUT_MS;
  const pool = { keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: 4 };
  const agent = secure ? new https.Agent(pool) : new http.Agent(pool);
  const privately = secure ? {} : { lookup: privateLookup(options.resolve ?? lookup) };

  const post = (body: string, headers: http.OutgoingHttpHeaders, cut: Cut): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(url, {
        method: 'POST',
        agent,
        headers,
        ...privately,
      });
      cut.now = (): void => {
        cut.done = true;
        request.destroy();
      };
      request.once('response', (response) => {
        resolve(response.statusCode ?? 0);
        drain(response, timeoutMs);
      });
      // Stays on: an error after the answer must not become an uncaught one.
      request.on('error', (error) => {
        reject(new PostError(error, request.reusedSocket));
      });
      request.end(body);
    });

  return {
    kind: 'webhook',
    async deliver(event: CloudEvent, signal?: AbortSignal): Promise<'delivered' | 'gone'> {
      if (!secure) refusePublicAddress(url.hostname);
      const body = JSON.stringify(event);
      const timestampSeconds = Math.floor(options.clock.now() / 1000);
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'pay-common',
        'webhook-id': event.id,
        'webhook-timestamp': String(timestampSeconds),
        'webhook-signature': webhookSignature(
          { id: event.id, timestampSeconds, body },
          options.secrets,
        ),
      };
      const cut: Cut = { done: false, now: () => undefined };
      const sending = post(body, headers, cut).catch((error: unknown) => {
        // A receiver may close an idle connection just as we use it: that is no failure of its own, and
        // a function that was frozen meets it every time. Once, on a new connection.
        if (error instanceof PostError && error.stale && !cut.done) return post(body, headers, cut);
        throw error;
      });
      const status = await withDeadline(sending, {
        timeoutMs,
        signal,
        onEnd: () => {
          cut.now();
        },
      }).catch(translate);
      return verdict(status);
    },
    async close() {
      agent.destroy();
    },
  };
}

/** Ends the request under way; `done` tells that apart from a connection lost. */
interface Cut {
  done: boolean;
  now: () => void;
}

class PostError extends Error {
  readonly stale: boolean;
  constructor(cause: NodeJS.ErrnoException, reused: boolean) {
    super('request failed', { cause });
    this.stale = reused && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
  }
}

function translate(error: unknown): never {
  const cause = error instanceof PostError ? error.cause : error;
  if (cause instanceof DeliveryError) throw cause;
  throw new DeliveryError('receiver_not_reached', foreignCode(cause), { cause });
}

function verdict(status: number): 'delivered' | 'gone' {
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 410) return 'gone';
  // A redirect is not followed: the receiver's address is a setting, and only the operator may change it.
  throw new DeliveryError('receiver_answered', `HTTP ${String(status)}`);
}

function drain(response: http.IncomingMessage, timeoutMs: number): void {
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  timer.unref();
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) response.destroy();
  });
  response.on('error', () => undefined);
  response.once('close', () => {
    clearTimeout(timer);
  });
}

function refusePublicAddress(hostname: string): void {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isPrivateAddress(host)) throw publicAddress();
}

const publicAddress = (): DeliveryError => new DeliveryError('public_address');

/**
 * Resolves names for http. The setting was checked as text; only here is it seen where a name leads, and
 * the very address that was checked is the one connected to.
 */
function privateLookup(resolve: typeof lookup): LookupFunction {
  return (hostname, options, callback) => {
    const all: LookupAllOptions = { ...options, all: true };
    resolve(hostname, all, (error: NodeJS.ErrnoException | null, found?: LookupAddress[]) => {
      const first = found?.[0];
      if (error !== null || found === undefined || first === undefined) {
        callback(error ?? new Error('no address'), '', 0);
      } else if (!found.every(({ address }) => isPrivateAddress(address))) {
        callback(publicAddress(), '', 0);
      } else if (options.all === true) {
        callback(null, found);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
