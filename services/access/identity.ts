/**
 * Who is calling: decided once per request, here and nowhere else, denied by default. A body never
 * identifies anyone; neither do run-time marks of the platform nor headers that merely exist.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from './caller';
import type { OperatorKey } from '../../config/types';
import { isAddress } from '../../utils/addresses';
import { AuthError } from '../../utils/errors';

export type HeaderBag = Readonly<Record<string, string | string[] | undefined>>;

/** What a Bearer turned out to be. Throws AuthError when ours and bad, IDENTITY_UNAVAILABLE when unverifiable. */
export type BearerVerdict =
  | { readonly kind: 'ours'; readonly openid: string; readonly appid?: string }
  | { readonly kind: 'foreign' };

export interface IdentityDeps {
  readonly operatorKeys: readonly OperatorKey[];
  readonly operatorOpenids: readonly string[];
  readonly appids: readonly string[];
  /** Apps whose openids a caller may have; undefined: apps are not distinguished. */
  readonly appsOf?: (appid: string | undefined) => readonly string[] | undefined;
  readonly trustWxHeaders: boolean;
  readonly trustWxHeadersByHand: boolean;
  readonly foreignBearer: 'refuse' | 'ignore';
  readonly verifyBearer: (token: string) => Promise<BearerVerdict>;
}

export interface Identity {
  /** @param oldDispatch on `POST /` headers are not trusted: an open route for callbacks may lead there. */
  identify(headers: HeaderBag, oldDispatch: boolean): Promise<Caller>;
}

export const OPENID = /^[A-Za-z0-9_-]{16,64}$/;
/** Far longer than any real key: hashing a header is bounded work. */
const KEY_LENGTH_MAX = 512;

export function createIdentity(deps: IdentityDeps): Identity {
  const operators = new Set(deps.operatorOpenids);

  const appsOf = (appid: string | undefined): { readonly apps?: readonly string[] } => {
    const apps = deps.appsOf?.(appid);
    return apps === undefined ? {} : { apps };
  };

  /** The holder of a key is trusted about the app of an order. */
  function byKey(sent: string, appid: string | string[] | undefined): Caller {
    if (sent.length > KEY_LENGTH_MAX) throw unknown('X-API-Key');
    const digest = createHash('sha256').update(sent).digest();
    let found: OperatorKey | undefined;
    // Every key is compared, so that the time taken does not show which one matched.
    for (const key of deps.operatorKeys) if (timingSafeEqual(digest, key.digest)) found = key;
    if (found === undefined) throw unknown('X-API-Key');
    const { scope, sub_mchid } = found;
    const bound = sub_mchid === undefined ? {} : { sub_mchid };
    const app = appsOf(typeof appid === 'string' ? appid : undefined);
    const name = found.name ?? `#${deps.operatorKeys.indexOf(found) + 1}`;
    return { role: 'operator', via: 'key', scope, name, ...bound, ...app };
  }

  function payer(openid: string, via: 'token' | 'header', from: FromRequest): Caller {
    const proven = via === 'token' || deps.trustWxHeadersByHand;
    const trusted = deps.trustWxHeaders && !from.oldDispatch;
    const address = trusted ? lastHop(from.headers['x-forwarded-for']) : undefined;
    const app = appsOf(from.appid);
    // Operators' openids are those of our own apps.
    const home = app.apps === undefined || app.apps.some((appid) => isOwn(appid));
    const operator = home && proven && operators.has(openid);
    const where = address === undefined ? {} : { address };
    return { role: 'payer', via, openid, operator, ...where, ...app };
  }

  const isOwn = (appid: string): boolean => deps.appsOf?.(undefined)?.includes(appid) !== false;

  return {
    async identify(headers, oldDispatch) {
      const key = headers['x-api-key'];
      if (key !== undefined) return byKey(one(key, 'X-API-Key'), headers['x-wx-appid']);
      const wxOpenid = headers['x-wx-openid'];
      const bearer = bearerOf(headers.authorization);
      if (bearer !== undefined) {
        const verdict = await deps.verifyBearer(bearer);
        if (verdict.kind === 'ours') {
          if (wxOpenid !== undefined && wxOpenid !== verdict.openid) {
            throw new AuthError('UNAUTHENTICATED', { detail: 'x-wx-openid ≠ token' });
          }
          // A token that names no app: the gateway's word, where that counts.
          const told = deps.trustWxHeaders && !oldDispatch ? headers['x-wx-appid'] : undefined;
          const appid = verdict.appid ?? (typeof told === 'string' ? told : undefined);
          return payer(verdict.openid, 'token', { headers, oldDispatch, appid });
        }
        if (deps.foreignBearer === 'refuse') {
          throw new AuthError('UNAUTHENTICATED', {
            detail:
              '不是本环境的 Bearer；若平台入口自带，可设 foreignBearer=ignore / ' +
              'not a token of our environment; if the platform adds it, set foreignBearer=ignore',
          });
        }
      }
      if (oldDispatch || !deps.trustWxHeaders || wxOpenid === undefined)
        throw nobody(deps, oldDispatch);
      const openid = one(wxOpenid, 'x-wx-openid');
      if (!OPENID.test(openid)) throw unknown('x-wx-openid');
      const appid = headers['x-wx-appid'];
      const app = appid === undefined ? undefined : one(appid, 'x-wx-appid');
      if (app !== undefined && !deps.appids.includes(app)) throw unknown('x-wx-appid');
      return payer(openid, 'header', { headers, oldDispatch, appid: app });
    },
  };
}

interface FromRequest {
  readonly headers: HeaderBag;
  readonly oldDispatch: boolean;
  /** As the token, or a trusted header, names it. */
  readonly appid: string | undefined;
}

/**
 * The address that the proxy in front of us wrote. All before it came with the request: anybody's to choose.
 */
function lastHop(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  const address = header.slice(header.lastIndexOf(',') + 1).trim();
  return isAddress(address) ? address : undefined;
}

/** `Bearer x` → x; undefined where no Bearer is sent. */
function bearerOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = one(header, 'Authorization');
  const m = /^Bearer\s+(\S+)\s*$/i.exec(text);
  if (m !== null) return m[1];
  // A damaged Bearer is a Bearer all the same; other schemes are not ours to judge.
  return /^Bearer\b/i.test(text) ? text : undefined;
}

function one(value: string | string[], name: string): string {
  if (typeof value !== 'string' || value === '') throw unknown(name);
  return value;
}

const unknown = (name: string): AuthError => new AuthError('UNAUTHENTICATED', { detail: name });

function nobody(deps: IdentityDeps, oldDispatch: boolean): AuthError {
  const detail = oldDispatch
    ? 'POST / 需要 X-API-Key 或 Bearer / POST / needs X-API-Key or a Bearer'
    : deps.trustWxHeaders
      ? '缺少 x-wx-openid / x-wx-openid is missing'
      : '需要 X-API-Key 或 Bearer（trustWxHeaders 未开启）/ needs X-API-Key or a Bearer';
  return new AuthError('UNAUTHENTICATED', { detail });
}
