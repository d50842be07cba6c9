/**
 * The public keys of CloudBase's token issuer: fetched when a token first needs them, kept, and fetched
 * again within bounds. Anyone may send a token with an unknown key id, so the cost of that is bounded.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { importJWK, JWK, KeyLike } from 'jose';
import type { Clock } from '../../utils/clock';
import { UpstreamError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

/** Keys fetched this recently are used without another fetch. */
export const JWKS_FRESH_MS = 3600_000;
/** While the issuer cannot be reached, keys fetched before go on for this long. */
export const JWKS_STALE_MS = 12 * 3600_000;
/** Unknown key ids cause at most one fetch in this time. */
export const JWKS_COOLDOWN_MS = 30_000;
/** After a failed fetch the next one starts this much later at the earliest. */
export const JWKS_RETRY_MS = 2000;
const FETCH_TIMEOUT_MS = 3000;
const BYTES_MAX = 64 * 1024;
const KEYS_MAX = 20;
const KID_LENGTH_MAX = 256;

export interface Jwks {
  /**
   * @returns undefined when the issuer, asked lately enough, has no such key.
   * @throws UpstreamError IDENTITY_UNAVAILABLE when it could not be asked.
   */
  find(kid: string): Promise<KeyLike | undefined>;
}

export interface JwksDeps {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `importJWK` of jose, which is loaded late. */
  readonly importKey: typeof importJWK;
}

type Keys = ReadonlyMap<string, KeyLike>;

export function createJwks(deps: JwksDeps): Jwks {
  const { clock, logger } = deps;
  let keys: Keys = new Map();
  let fetchedAt: number | undefined;
  let failedAt: number | undefined;
  let fetching: Promise<void> | undefined;

  /** |difference|: a clock that was set back must not silence the fetch for as long as it was ahead. */
  const within = (at: number | undefined, ms: number): boolean =>
    at !== undefined && Math.abs(clock.now() - at) < ms;

  async function fetchOnce(): Promise<void> {
    try {
      keys = await readKeys(await download(deps.url), deps.importKey);
      fetchedAt = clock.now();
      failedAt = undefined;
      logger.info({ count: keys.size }, 'identity keys loaded');
    } catch (error) {
      failedAt = clock.now();
      logger.warn({ err: error }, 'identity keys not loaded');
    }
  }

  /** Those who come meanwhile wait for the same fetch. */
  async function refresh(): Promise<void> {
    if (fetching === undefined && within(failedAt, JWKS_RETRY_MS)) return;
    fetching ??= fetchOnce().finally(() => {
      fetching = undefined;
    });
    await fetching;
  }

  return {
    async find(kid) {
      if (!within(fetchedAt, JWKS_FRESH_MS)) await refresh();
      else if (!keys.has(kid) && !within(fetchedAt, JWKS_COOLDOWN_MS)) await refresh();
      const known = within(fetchedAt, JWKS_STALE_MS) ? keys.get(kid) : undefined;
      if (known !== undefined) return known;
      if (failedAt !== undefined || fetchedAt === undefined) {
        throw new UpstreamError('IDENTITY_UNAVAILABLE', { retryAfterSeconds: 5 });
      }
      return undefined;
    },
  };
}

/** RSA signing keys with an id; all else in the set is not for us. @throws when it is no key set. */
async function readKeys(text: string, importKey: typeof importJWK): Promise<Keys> {
  const set = JSON.parse(text) as { readonly keys?: unknown } | null;
  if (!Array.isArray(set?.keys)) throw new Error('not a key set');
  const keys = new Map<string, KeyLike>();
  for (const jwk of (set.keys as readonly JWK[]).slice(0, KEYS_MAX)) {
    if (!isRs256Key(jwk)) continue;
    const { kty, n, e } = jwk;
    // Only the public numbers are taken over, whatever else the document holds.
    const key = await importKey({ kty, n, e } as JWK, 'RS256');
    if (!(key instanceof Uint8Array)) keys.set(jwk.kid, key);
  }
  if (keys.size === 0) throw new Error('no RS256 key in the set');
  return keys;
}

function isRs256Key(jwk: JWK | null): jwk is JWK & { kid: string } {
  return (
    typeof jwk === 'object' &&
    jwk?.kty === 'RSA' &&
    (jwk.alg ?? 'RS256') === 'RS256' &&
    (jwk.use ?? 'sig') === 'sig' &&
    typeof jwk.kid === 'string' &&
    jwk.kid !== '' &&
    jwk.kid.length <= KID_LENGTH_MAX
  );
}

/** One GET with a bound on time and size. A redirect is an answer like any other that is not 200. */
function download(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const req: ClientRequest = send(url, {
      headers: { accept: 'application/json' },
      agent: false,
      // Said, not left to NODE_TLS_REJECT_UNAUTHORIZED: who answers here says who is who.
      rejectUnauthorized: true,
    } satisfies RequestOptions);
    const timer = setTimeout(() => {
      req.destroy(new Error('timeout'));
    }, FETCH_TIMEOUT_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
      req.destroy();
    };
    req.on('error', fail);
    req.on('response', (res) => {
      readBounded(res).then((text) => {
        clearTimeout(timer);
        resolve(text);
      }, fail);
    });
    req.end();
  });
}

async function readBounded(res: IncomingMessage): Promise<string> {
  if (res.statusCode !== 200) throw new Error(`HTTP ${String(res.statusCode)}`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of res as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
