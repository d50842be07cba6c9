/** A token issuer of our own: real RSA keys, a JWKS on loopback, and tokens of every good and bad kind. */
import { createHmac, createSign, type KeyObject, type JsonWebKey } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKeyObjects } from '../../helpers/keyPairs';

export const ENV = 'shop-7gk3x';
export const OPENID = 'oTestsOwnPayer_xb1Q9zNjWeS6o';
export const OTHER_OPENID = 'oUpF8uN95-Ptaags6E_roPHg7AG0';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const PAIRS = [0, 1, 2].map(() => createKeyObjects());

export const keyOf = (kid: string, pair: 0 | 1 | 2): SigningKey => {
  const made = PAIRS[pair];
  if (made === undefined) throw new Error('no such pair');
  return { kid, ...made };
};

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export interface TokenOptions {
  readonly key: SigningKey;
  readonly nowMs: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** `hs256`: signed with the public key's text as the secret; `none`: not at all. */
  readonly alg?: 'rs256' | 'hs256' | 'none';
}

/** A Mini Program token as CloudBase's look; claims given as undefined are left out. */
export function tokenOf(o: TokenOptions): string {
  const seconds = Math.floor(o.nowMs / 1000);
  const alg = o.alg ?? 'rs256';
  const header = {
    alg: { rs256: 'RS256', hs256: 'HS256', none: 'none' }[alg],
    typ: 'JWT',
    kid: o.key.kid,
    ...o.header,
  };
  const claims = {
    iss: `https://${ENV}.api.tcloudbasegateway.com`,
    aud: ENV,
    sub: '1790000000000000001',
    provider: 'wx_open',
    provider_sub: OPENID,
    iat: seconds - 10,
    exp: seconds + 7200,
    ...o.claims,
  };
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${signatureOf(text, alg, o.key)}`;
}

function signatureOf(text: string, alg: 'rs256' | 'hs256' | 'none', key: SigningKey): string {
  if (alg === 'none') return '';
  if (alg === 'rs256') {
    return createSign('RSA-SHA256').update(text).sign(key.privateKey).toString('base64url');
  }
  const secret = key.publicKey.export({ type: 'spki', format: 'pem' });
  return createHmac('sha256', secret).update(text).digest('base64url');
}

export const jwkOf = (key: SigningKey): JsonWebKey & { kid: string } => ({
  ...key.publicKey.export({ format: 'jwk' }),
  kid: key.kid,
  alg: 'RS256',
  use: 'sig',
});

export interface Issuer {
  readonly url: string;
  /** How often the keys were asked for. */
  fetches: number;
  keys: readonly object[];
  /** Instead of the keys. */
  answer: ((res: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

export async function startIssuer(keys: readonly object[]): Promise<Issuer> {
  const server = createServer((_req, res) => {
    issuer.fetches++;
    if (issuer.answer !== undefined) issuer.answer(res);
    else res.end(JSON.stringify({ keys: issuer.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer: Issuer = {
    url: `http://127.0.0.1:${String(port)}/auth/v1/certs`,
    fetches: 0,
    keys,
    answer: undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
  return issuer;
}
