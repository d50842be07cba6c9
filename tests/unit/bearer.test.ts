/** CloudBase access tokens: ours must hold in every respect, all others are foreign, and nobody is guessed. */
import { createBearerVerifier } from '../../services/access/bearer';
import {
  JWKS_COOLDOWN_MS,
  JWKS_FRESH_MS,
  JWKS_RETRY_MS,
  JWKS_STALE_MS,
} from '../../services/access/jwks';
import {
  ENV,
  jwkOf,
  keyOf,
  OPENID,
  startIssuer,
  tokenOf,
  type Issuer,
  type TokenOptions,
} from '../security/support/issuer';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';

const KEY = keyOf('key-1', 0);
const NEXT_KEY = keyOf('key-2', 1);
const STRANGER = keyOf('key-1', 2);
const HOUR = 3600;
const APPID = 'wx0123456789abcdef';

let issuer: Issuer;
let nowMs: number;
let verify: ReturnType<typeof createBearerVerifier>;

beforeEach(async () => {
  issuer = await startIssuer([jwkOf(KEY)]);
  nowMs = Date.parse('2026-01-02T03:04:05+08:00');
  verify = createBearerVerifier({
    env: ENV,
    clock: { now: () => nowMs },
    appids: [APPID],
    jwksUrl: issuer.url,
  });
});

afterEach(() => {
  freeTimers();
  return issuer.close();
});

const token = (o: Partial<TokenOptions> = {}): string => tokenOf({ key: KEY, nowMs, ...o });
const seconds = (): number => Math.floor(nowMs / 1000);
const refused = { code: 'UNAUTHENTICATED', status: 401 };
const unavailable = { code: 'IDENTITY_UNAVAILABLE', status: 503 };

describe('a token of our environment that holds', () => {
  test('names its user by provider_sub alone', async () => {
    expect(await verify(token())).toEqual({ kind: 'ours', openid: OPENID });
  });

  test.each([
    [
      'the login kind stands in app_metadata',
      { provider: undefined, app_metadata: { provider: 'wx' } },
    ],
    ['no login kind is named, but the openid is WeChat-shaped', { provider: undefined }],
    ['is_anonymous is false', { is_anonymous: false }],
    ['the audience is a list with ours in it', { aud: ['other', ENV] }],
  ])('is taken when %s', async (_name, claims) => {
    expect(await verify(token({ claims }))).toEqual({ kind: 'ours', openid: OPENID });
  });

  test('names the app in which its user signed in, where that is the login kind', async () => {
    const claims = { provider: APPID };
    const named = { kind: 'ours', openid: OPENID, appid: APPID };
    expect(await verify(token({ claims }))).toEqual(named);
  });

  test('is taken a few seconds past its end, as clocks differ, and not a minute past', async () => {
    const claims = { exp: seconds() - 5 };
    expect(await verify(token({ claims }))).toMatchObject({ kind: 'ours' });
    await expect(verify(token({ claims: { exp: seconds() - 60 } }))).rejects.toMatchObject(refused);
  });
});

describe('a token that names our environment and does not hold is refused with 401', () => {
  const bad: readonly [string, () => string][] = [
    ['expired', () => token({ claims: { exp: seconds() - HOUR } })],
    ['without exp', () => token({ claims: { exp: undefined } })],
    ['exp as text', () => token({ claims: { exp: String(seconds() + HOUR) } })],
    ['not yet valid', () => token({ claims: { nbf: seconds() + HOUR } })],
    ['issued in the future', () => token({ claims: { iat: seconds() + HOUR } })],
    ['of another issuer, our audience', () => token({ claims: { iss: 'https://evil.example' } })],
    [
      'of the older host',
      () => token({ claims: { iss: `https://${ENV}.ap-shanghai.tcb-api.com` } }),
    ],
    [
      'issuer with a slash more',
      () => token({ claims: { iss: `https://${ENV}.api.tcloudbasegateway.com/` } }),
    ],
    ['our issuer, another audience', () => token({ claims: { aud: 'other-env' } })],
    ['our issuer, no audience', () => token({ claims: { aud: undefined } })],
    ['our environment in capitals', () => token({ claims: { aud: ENV.toUpperCase(), iss: 'x' } })],
    ['signed by another key of the same id', () => token({ key: STRANGER })],
    ['HS256 with the public key as its secret', () => token({ alg: 'hs256' })],
    ['HS256 said, RS256 signed', () => token({ header: { alg: 'HS256' } })],
    ['RS512 said', () => token({ header: { alg: 'RS512' } })],
    ['alg none', () => token({ alg: 'none' })],
    ['alg None', () => token({ alg: 'none', header: { alg: 'None' } })],
    ['RS256 said, no signature', () => token({ alg: 'none', header: { alg: 'RS256' } })],
    ['without kid', () => token({ header: { kid: undefined } })],
    ['kid is a number', () => token({ header: { kid: 1 } })],
    ['kid is __proto__', () => token({ header: { kid: '__proto__' } })],
    [
      'with its own key inside',
      () => token({ key: STRANGER, header: { jwk: jwkOf(STRANGER), kid: 'key-9' } }),
    ],
    [
      'with a key address inside',
      () => token({ key: STRANGER, header: { jku: 'http://127.0.0.1:9/x' } }),
    ],
    ['with an unknown critical header', () => token({ header: { crit: ['x'], x: 1 } })],
    ['anonymous by its flag', () => token({ claims: { is_anonymous: true } })],
    ['anonymous by a flag that is text', () => token({ claims: { is_anonymous: 'true' } })],
    ['anonymous by its login kind', () => token({ claims: { provider: 'anonymous' } })],
    [
      'anonymous by app_metadata',
      () => token({ claims: { app_metadata: { provider: 'anonymous' } } }),
    ],
    [
      'a publishable key',
      () =>
        token({
          claims: {
            provider: undefined,
            provider_sub: undefined,
            role: 'anon',
            exp: seconds() + 10 * 365 * 24 * HOUR,
          },
        }),
    ],
    ['a publishable key with an openid put in', () => token({ claims: { role: 'anon' } })],
    ['a server key', () => token({ claims: { role: 'service_role' } })],
    ['a login by e-mail', () => token({ claims: { provider: 'email' } })],
    ['a login by a ticket of a server', () => token({ claims: { provider: 'custom' } })],
    ['a login for another app', () => token({ claims: { provider: 'wxffffffffffffffff' } })],
    [
      'two login kinds, one not WeChat',
      () => token({ claims: { app_metadata: { provider: 'phone' } } }),
    ],
    ['without provider_sub', () => token({ claims: { provider_sub: undefined } })],
    ['provider_sub too short', () => token({ claims: { provider_sub: 'o123' } })],
    ['provider_sub with a line break', () => token({ claims: { provider_sub: `${OPENID}\n` } })],
    ['provider_sub as a list', () => token({ claims: { provider_sub: [OPENID] } })],
    [
      'openid elsewhere',
      () => token({ claims: { provider_sub: undefined, sub: OPENID, openid: OPENID } }),
    ],
    [
      'no login kind and a chosen subject',
      () => token({ claims: { provider: undefined, provider_sub: 'somebody-else-0001' } }),
    ],
    ['with a fourth part', () => `${token()}.x`],
    ['with its last character changed', () => token().replace(/.{4}$/, 'AAAA')],
    [
      'with other claims under the same signature',
      () => {
        const [head, , signature] = token().split('.');
        const [, claims] = token({
          claims: { provider_sub: 'oSomebodyElse_000000000000000' },
        }).split('.');
        return `${String(head)}.${String(claims)}.${String(signature)}`;
      },
    ],
    ['longer than any token', () => token({ claims: { pad: 'x'.repeat(9000) } })],
  ];

  test.each(bad)('%s', async (_name, make) => {
    await expect(verify(make())).rejects.toMatchObject(refused);
  });

  test('and the refusal does not repeat the token', async () => {
    const bad = token({ key: STRANGER });
    const error = await verify(bad).catch((e: unknown) => e);
    expect(JSON.stringify({ ...(error as object), m: String(error) })).not.toContain(
      bad.slice(0, 20),
    );
  });

  test('cheap faults cost no fetch', async () => {
    for (const make of [
      token({ alg: 'none' }),
      token({ alg: 'hs256' }),
      token({ header: { kid: '' } }),
    ]) {
      await expect(verify(make)).rejects.toMatchObject(refused);
    }
    expect(issuer.fetches).toBe(0);
  });
});

describe('what does not name us is foreign', () => {
  test.each([
    ['a word', 'abc'],
    ['empty parts', '..'],
    ['no JSON', 'YQ.YQ.YQ'],
    ['JSON that is no object', 'bnVsbA.bnVsbA.bnVsbA'],
  ])('%s', async (_name, text) => {
    expect(await verify(text)).toEqual({ kind: 'foreign' });
    expect(issuer.fetches).toBe(0);
  });

  test('a token of another environment, even one whose name begins like ours', async () => {
    const claims = { iss: `https://${ENV}-2.api.tcloudbasegateway.com`, aud: `${ENV}-2` };
    expect(await verify(token({ claims }))).toEqual({ kind: 'foreign' });
  });

  test('every token, where no environment is set', async () => {
    const none = createBearerVerifier({ env: undefined, clock: { now: () => nowMs } });
    expect(await none(token())).toEqual({ kind: 'foreign' });
  });
});

describe('the keys', () => {
  test('are fetched once for many tokens that come at once, and kept', async () => {
    await Promise.all(Array.from({ length: 50 }, () => verify(token())));
    await verify(token());
    expect(issuer.fetches).toBe(1);
  });

  test('rotate: a token of the new key is taken after one fetch more, the old key goes', async () => {
    await verify(token());
    issuer.keys = [jwkOf(NEXT_KEY)];
    nowMs += JWKS_COOLDOWN_MS;
    expect(await verify(token({ key: NEXT_KEY }))).toMatchObject({ kind: 'ours' });
    await expect(verify(token())).rejects.toMatchObject(refused);
    expect(issuer.fetches).toBe(2);
  });

  test('are fetched again when old, so that a withdrawn key ends', async () => {
    await verify(token());
    issuer.keys = [jwkOf(NEXT_KEY)];
    nowMs += JWKS_FRESH_MS;
    await expect(verify(token())).rejects.toMatchObject(refused);
    expect(issuer.fetches).toBe(2);
  });

  test('a flood of unknown ids causes one fetch per half minute', async () => {
    await verify(token());
    for (let n = 0; n < 200; n++) {
      nowMs += 1000;
      const flood = token({ key: keyOf(`kid-${String(n)}`, 2) });
      await expect(verify(flood)).rejects.toMatchObject(refused);
    }
    expect(issuer.fetches).toBeGreaterThan(2);
    expect(issuer.fetches).toBeLessThanOrEqual(1 + Math.ceil(200_000 / JWKS_COOLDOWN_MS));
    expect(await verify(token())).toMatchObject({ kind: 'ours' });
  });

  const outages: readonly [string, (res: import('node:http').ServerResponse) => void][] = [
    ['answers 500', (res) => void res.writeHead(500).end()],
    ['redirects', (res) => void res.writeHead(302, { location: issuer.url }).end()],
    ['answers HTML', (res) => void res.end('<html>')],
    ['answers null', (res) => void res.end('null')],
    ['answers a set without keys', (res) => void res.end('{"keys":[]}')],
    [
      'answers only a symmetric key',
      (res) => void res.end(JSON.stringify({ keys: [{ kty: 'oct', k: 'AA', kid: 'key-1' }] })),
    ],
    [
      'answers without end',
      (res) => {
        const more = (): void => {
          if (res.write('x'.repeat(60_000))) setImmediate(more);
          else res.once('drain', more);
        };
        more();
      },
    ],
    ['breaks the connection', (res) => void res.destroy()],
  ];

  test.each(outages)('an issuer that %s: 503, not "accepted"; then back', async (_name, answer) => {
    issuer.answer = answer;
    await expect(verify(token())).rejects.toMatchObject(unavailable);
    await expect(verify(token())).rejects.toMatchObject(unavailable);
    expect(issuer.fetches).toBe(1);
    issuer.answer = undefined;
    nowMs += JWKS_RETRY_MS;
    expect(await verify(token())).toMatchObject({ kind: 'ours' });
  });

  test('an issuer that hangs: 503 after its bound', async () => {
    issuer.answer = () => undefined;
    holdTimers();
    const checked = watched(verify(token()));
    await until('the keys are asked for', () => issuer.fetches === 1);
    await passTime(2999);
    expect(checked.settled()).toBe(false);
    await passTime(1);
    await expect(checked.work).rejects.toMatchObject(unavailable);
  });

  test('held ones go on through an outage, but not forever', async () => {
    await verify(token());
    issuer.answer = (res) => void res.writeHead(500).end();
    nowMs += JWKS_FRESH_MS + 1;
    expect(await verify(token())).toMatchObject({ kind: 'ours' });
    await expect(verify(token({ key: NEXT_KEY }))).rejects.toMatchObject(unavailable);
    nowMs += JWKS_STALE_MS;
    await expect(verify(token())).rejects.toMatchObject(unavailable);
  });

  test('a key too small for RS256 proves nothing', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const small = { kid: 'small', ...generateKeyPairSync('rsa', { modulusLength: 1024 }) };
    issuer.keys = [jwkOf(small), jwkOf(KEY)];
    await expect(verify(token({ key: small }))).rejects.toMatchObject(refused);
  });
});
