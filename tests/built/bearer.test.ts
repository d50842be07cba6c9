/**
 * Bearer tokens on the built service, their keys fetched over TLS by the issuer's own name: who holds no certificate
 * for that name, from someone this machine trusts, is not the issuer, and then no token is accepted.
 */
import '../security/support/built';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ENV,
  jwkOf,
  keyOf,
  OPENID,
  OTHER_OPENID,
  tokenOf,
  type TokenOptions,
} from '../security/support/issuer';
import { orderBody, startStage, type Answer, type Stage } from '../security/support/stage';
import { issue, type Issued } from '../security/support/tls';

const NAME = `${ENV}.api.tcloudbasegateway.com`;
const NO = 'T20260102000001';
const KEY = keyOf('key-1', 0);
const NEXT = keyOf('key-2', 1);
/** Past the pause after a failed fetch. */
const PAUSE_MS = 3000;
const HOUR_MS = 3600_000;

const trusted = issue({ name: 'A CA of the test' });
const stranger = issue({ name: 'A CA of nobody' });

type Host = (socket: Socket) => void;
const closers: (() => void)[] = [];

let keys: readonly object[] = [jwkOf(KEY)];
let fetches = 0;
const answer = (_req: unknown, res: { end: (text: string) => unknown }): void => {
  fetches++;
  res.end(JSON.stringify({ keys }));
};

function overTls({ certPem, keyPem }: Issued): Host {
  const server = createHttps({ cert: certPem, key: keyPem }, answer);
  server.on('tlsClientError', () => undefined);
  return (socket) => void server.emit('connection', socket);
}

function inTheOpen(): Host {
  const server = createHttp(answer);
  server.on('clientError', (_error, socket) => socket.destroy());
  return (socket) => void server.emit('connection', socket);
}

const IMPOSTORS: readonly (readonly [string, () => Host])[] = [
  ['a certificate of a CA nobody trusts', () => overTls(issue({ name: NAME, by: stranger }))],
  ['a certificate that vouches for itself', () => overTls(issue({ name: NAME }))],
  ['a trusted certificate of another name', () => overTls(issue({ name: 'x.com', by: trusted }))],
  [
    'one of the domain above',
    () => overTls(issue({ name: NAME.slice(ENV.length + 1), by: trusted })),
  ],
  ['one that ran out', () => overTls(issue({ name: NAME, by: trusted, until: 2021 }))],
  ['no TLS at all', inTheOpen],
  ['nothing', () => (socket) => socket.destroy()],
];

describe.each(['sdk', 'gateway'])('signMode=%s', (signMode) => {
  let stage: Stage;
  let host: Host = (socket) => socket.destroy();

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pay-common-ca-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, trusted.certPem);
    const doorman = createTcp((socket) => {
      socket.on('error', () => undefined);
      host(socket);
    });
    await new Promise<void>((resolve) => doorman.listen(0, '127.0.0.1', resolve));
    closers.push(() => doorman.close());
    stage = await startStage({
      env: {
        signMode,
        cloudbaseEnv: ENV,
        NODE_EXTRA_CA_CERTS: ca,
        // The setting with which people silence such errors: who is who must not hang on it.
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        TENCENTCLOUD_RUNENV: 'SCF',
        SCF_RUNTIME: 'Nodejs18.15',
      },
      issuerPort: (doorman.address() as AddressInfo).port,
    });
    keys = [jwkOf(KEY)];
    await stage.paid(NO);
  });
  afterAll(async () => {
    await stage.close();
    for (const close of closers.splice(0)) close();
  });

  const token = (o: Partial<TokenOptions> = {}): string =>
    tokenOf({ key: KEY, nowMs: stage.simulator.clock.now(), ...o });
  const ask = (bearer: string, more: Record<string, string> = {}): Promise<Answer> =>
    stage.call(
      '/wx-pay/wxpay_query_order_by_out_trade_no',
      { out_trade_no: NO },
      { headers: { authorization: `Bearer ${bearer}`, ...more } },
    );

  test.each(IMPOSTORS)('%s: 503, and nobody is let in', async (_name, make) => {
    await stage.simulator.clock.advance(PAUSE_MS);
    host = make();
    const before = await stage.dump();
    const bearer = token();
    const answers = [
      await ask(bearer),
      // Not even by the header he would be believed for without a token.
      await ask(bearer, { 'x-wx-openid': OPENID }),
      await stage.call(
        '/',
        { _action: 'wxpay_order', ...orderBody(`${NO}9`) },
        {
          headers: { authorization: `Bearer ${bearer}` },
        },
      ),
    ];
    for (const { status, json, headers } of answers) {
      expect({ status, error: json.error, data: json.data }).toEqual({
        status: 503,
        error: 'IDENTITY_UNAVAILABLE',
        data: null,
      });
      expect(headers['retry-after']).toBeDefined();
    }
    expect(await stage.dump()).toBe(before);
    expect(fetches).toBe(0);
  });

  test('the issuer itself: its tokens are good, and none but those', async () => {
    host = overTls(issue({ name: NAME, by: trusted }));
    await stage.simulator.clock.advance(PAUSE_MS);
    expect((await ask(token())).status).toBe(200);
    expect((await ask(token(), { 'x-wx-openid': OPENID })).status).toBe(200);
    const order = { _action: 'wxpay_order', ...orderBody('T20260102000007') };
    const headers = { authorization: `Bearer ${token()}` };
    expect((await stage.call('/', order, { headers })).status).toBe(200);
    expect((await stage.order('T20260102000007'))?.payer).toBe(OPENID);

    const claims = (more: object): Partial<TokenOptions> => ({ claims: { ...more } });
    const seconds = Math.floor(stage.simulator.clock.now() / 1000);
    const bad: readonly (readonly [string, string])[] = [
      ['unsigned', token({ alg: 'none' })],
      ['signed with the public key as a secret', token({ alg: 'hs256' })],
      ['of a key nobody published', token({ key: keyOf('key-1', 2) })],
      ['its own key inside', token({ key: keyOf('key-9', 2), header: { jwk: jwkOf(KEY) } })],
      ['run out', token(claims({ exp: seconds - 11 }))],
      ['without an end', token(claims({ exp: undefined }))],
      ['not yet', token(claims({ nbf: seconds + 60 }))],
      ['of another issuer', token(claims({ iss: 'https://evil.example' }))],
      ['for another audience', token(claims({ aud: 'other-env-1' }))],
      ['anonymous', token(claims({ provider: 'anonymous' }))],
      ['a publishable key', token(claims({ role: 'anon', provider: undefined }))],
      ['a server key', token(claims({ role: 'service_role' }))],
      ['of an e-mail login', token(claims({ provider: 'email', provider_sub: OPENID }))],
      ['with no openid', token(claims({ provider_sub: undefined, sub: OPENID }))],
      ['cut', token().slice(0, -3)],
      ['changed', token().replace(/\.[^.]+\./, `.${btoa('{}')}.`)],
    ];
    const before = await stage.dump();
    for (const [name, bearer] of bad) {
      const { status, json } = await ask(bearer, { 'x-wx-openid': OPENID });
      expect({ name, status, data: json.data }).toEqual({ name, status: 401, data: null });
    }
    const other = token(claims({ provider_sub: OTHER_OPENID }));
    expect((await ask(other)).status).toBe(404);
    expect((await ask(other, { 'x-wx-openid': OPENID })).status).toBe(401);
    expect((await ask(token(), { 'x-api-key': 'k'.repeat(40) })).status).toBe(401);
    expect(await stage.dump()).toBe(before);
  });

  test('keys are changed: the new one is fetched, an impostor meanwhile changes nothing', async () => {
    const next = (): string => token({ key: NEXT });
    expect((await ask(next())).status).toBe(401);
    await stage.simulator.clock.advance(60_000);
    keys = [jwkOf(NEXT)];
    expect((await ask(next())).status).toBe(200);
    expect((await ask(token())).status).toBe(401);
    // An hour later keys are asked for again; who answers is not the issuer, and those we have go on.
    await stage.simulator.clock.advance(HOUR_MS + 1);
    host = overTls(issue({ name: NAME, by: stranger }));
    keys = [jwkOf(KEY)];
    expect((await ask(next())).status).toBe(200);
    expect((await ask(token())).status).toBe(503);
    await stage.simulator.clock.advance(12 * HOUR_MS);
    expect((await ask(next())).status).toBe(503);
    fetches = 0;
  });
});
