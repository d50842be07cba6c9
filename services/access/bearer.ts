/**
 * CloudBase access tokens: whose they are, and whether they hold. What a token says of itself decides only
 * whether it must hold; issuer, audience and key address are made from our own setting.
 */
import type { JWTPayload } from 'jose';
import type { BearerVerdict } from './identity';
import { createJwks, type Jwks } from './jwks';
import type { Clock } from '../../utils/clock';
import { AuthError } from '../../utils/errors';
import { silentLogger, type Logger } from '../../utils/logger';
import type { Json } from '../../utils/json';

export interface BearerDeps {
  /** Our environment; undefined: no token can be ours. */
  readonly env: string | undefined;
  readonly clock: Clock;
  /** Our apps: a token may say for which one it was made. */
  readonly appids?: readonly string[];
  readonly logger?: Logger;
  /** For tests alone: no setting leads here. Default: the issuer's own address. */
  readonly jwksUrl?: string;
}

type Jose = typeof import('jose');

/** CloudBase's have about 1000 characters. */
const TOKEN_LENGTH_MAX = 8192;
const CLOCK_TOLERANCE_SECONDS = 10;
const KID_LENGTH_MAX = 256;
/** WeChat's openid as it really looks: asked for where nothing else tells how the user signed in. */
const WECHAT_OPENID = /^o[A-Za-z0-9_-]{27}$/;
const OPENID = /^[A-Za-z0-9_-]{16,64}$/;
const APPID = /^wx[0-9a-f]{16}$/;
const WECHAT_LOGIN = /^(wx|weixin|wechat)[a-z_-]*$/i;
const refuse = (detail: string): AuthError =>
  new AuthError('UNAUTHENTICATED', { detail: `Bearer: ${detail}` });

export function createBearerVerifier(deps: BearerDeps): (token: string) => Promise<BearerVerdict> {
  const { env } = deps;
  if (env === undefined) return () => Promise.resolve({ kind: 'foreign' });
  const issuer = `https://${env}.api.tcloudbasegateway.com`;
  const url = deps.jwksUrl ?? `${issuer}/auth/v1/certs`;
  let loaded: Promise<{ jose: Jose; jwks: Jwks }> | undefined;

  /** With the first token of ours, so that those who start without one do not wait for it. */
  async function load(): Promise<{ jose: Jose; jwks: Jwks }> {
    const jose = await import('jose');
    const logger = deps.logger ?? silentLogger;
    return {
      jose,
      jwks: createJwks({ url, clock: deps.clock, logger, importKey: jose.importJWK }),
    };
  }

  async function claimsOf(token: string, kid: string): Promise<JWTPayload> {
    const { jose, jwks } = await (loaded ??= load());
    const key = await jwks.find(kid);
    if (key === undefined) throw refuse('kid');
    try {
      const { payload } = await jose.jwtVerify(token, key, {
        algorithms: ['RS256'],
        issuer,
        audience: env as string,
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(deps.clock.now()),
      });
      return payload;
    } catch (cause) {
      const { code, claim } = cause as { readonly code?: unknown; readonly claim?: unknown };
      const why = typeof claim === 'string' ? claim : typeof code === 'string' ? code : 'invalid';
      throw new AuthError('UNAUTHENTICATED', { detail: `Bearer: ${why}`, cause });
    }
  }

  return async (token) => {
    if (token.length > TOKEN_LENGTH_MAX) throw refuse('too long');
    const parts = token.split('.');
    const told = decoded(parts[1]);
    if (told === undefined || !namesUs(told, env)) return { kind: 'foreign' };
    const head = decoded(parts[0]);
    // Cheap questions first: none of these may cost a fetch.
    if (parts.length !== 3 || head?.alg !== 'RS256') throw refuse('alg');
    const { kid } = head;
    if (typeof kid !== 'string' || kid === '' || kid.length > KID_LENGTH_MAX) throw refuse('kid');
    const claims = await claimsOf(token, kid);
    guardTime(claims, deps.clock.now());
    const appids = deps.appids ?? [];
    const appid = appidOf(claims, appids);
    return {
      kind: 'ours',
      openid: openidOf(claims, appids),
      ...(appid === undefined ? {} : { appid }),
    };
  };
}

/** A part of a token as JSON, read as leniently as any gateway might: it decides nothing but who must prove. */
function decoded(part: string | undefined): Json | undefined {
  if (part === undefined || part === '') return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** A token that names our environment in any of these claims counts as ours: then every check must pass. */
function namesUs(told: Json, env: string): boolean {
  const name = env.toLowerCase();
  const { iss, aud, project_id: project } = told;
  const mentions = (value: unknown): boolean =>
    typeof value === 'string' &&
    (value.toLowerCase() === name ||
      (value.toLowerCase().match(/^(?:https?:\/\/)?([^./:?#]+)/)?.[1] ?? '') === name);
  return [iss, project, ...(Array.isArray(aud) ? (aud as unknown[]) : [aud])].some(mentions);
}

/** An `iat` in the future means a wrong clock or a forged token. jose checks `exp` and `nbf`. */
function guardTime(claims: JWTPayload, nowMs: number): void {
  const { iat } = claims;
  if (iat === undefined) return;
  if (iat * 1000 > nowMs + CLOCK_TOLERANCE_SECONDS * 1000) throw refuse('iat');
}

/** By which provider the user signed in. */
function providersOf(claims: JWTPayload): readonly unknown[] {
  const meta = claims.app_metadata as Json | null | undefined;
  return [
    claims.provider,
    claims.provider_type,
    claims.loginType,
    typeof meta === 'object' ? meta?.provider : undefined,
  ].filter((kind) => kind !== undefined && kind !== null && kind !== '');
}

/** The Mini Program in which he signed in, where the token names it. */
const appidOf = (claims: JWTPayload, appids: readonly string[]): string | undefined =>
  appids.find((appid) => providersOf(claims).includes(appid));

/** The openid of a Mini Program login; anonymous, publishable and server keys have none. */
function openidOf(claims: JWTPayload, appids: readonly string[]): string {
  const named = providersOf(claims);
  const { is_anonymous: anonymous, role, provider_sub: openid } = claims;
  if ((anonymous !== undefined && anonymous !== false) || named.some(isAnonymous)) {
    throw refuse('anonymous');
  }
  if (isAnonymous(role) || role === 'service_role') throw refuse('role');
  if (!named.every((kind) => isMiniProgram(kind, appids))) throw refuse('provider');
  const shape = named.length === 0 ? WECHAT_OPENID : OPENID;
  if (typeof openid !== 'string' || !shape.test(openid)) throw refuse('provider_sub');
  return openid;
}

const isAnonymous = (word: unknown): boolean =>
  typeof word === 'string' && /^anon(ymous)?$/i.test(word);

/** With other providers the user, or another server, may choose the subject: it could be someone else's openid. */
function isMiniProgram(kind: unknown, appids: readonly string[]): boolean {
  if (typeof kind !== 'string') return false;
  return appids.includes(kind) || (!APPID.test(kind) && WECHAT_LOGIN.test(kind));
}
