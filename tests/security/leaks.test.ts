/**
 * Planted secrets: whatever happens, none of them is in a log at debug level, a reply, a health page, a
 * metric or the output of a crash.
 */
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { createServer } from 'node:net';
import path from 'node:path';
import { openPage } from '../../demo/pageServer';
import { run as runDemo } from '../../demo/run';
import type { Told } from '../../demo/types';
import { createSimulator } from '../../simulator';
import {
  OPERATOR_KEY,
  orderBody,
  OTHER,
  PAYER,
  READ_KEY,
  refundBody,
  startStage,
  transferBody,
  type Stage,
} from './support/stage';
import { bundledOnce } from '../helpers/child';
import { ENV, jwkOf, keyOf, startIssuer, tokenOf } from './support/issuer';

const NO = 'T20260102000001';
const NAME = '张三丰';
const PLANTED = {
  'x-scf-secret-id': 'AKIDplantedSecretId0123456789abcdef',
  'x-scf-secret-key': 'plantedScfSecretKey0123456789abcdef',
  'x-scf-session-token': 'plantedSessionToken0123456789abcdefplantedSessionToken',
  'x-cloudbase-context': 'eyJwbGFudGVkIjoiY29udGV4dC1zZWNyZXQtMDEyMzQ1Njc4OSJ9',
  cookie: 'session=plantedCookie0123456789abcdef',
};
const WEBHOOK_SECRET = 'whsec_cGxhbnRlZFdlYmhvb2tTZWNyZXQwMTIzNDU2Nzg5';

/** Pieces of a key that show it wherever it is cut: every line of a PEM, and other secrets whole. */
const piecesOf = (secret: string): string[] =>
  secret.includes('-----BEGIN') ? secret.split(/\s+/).filter((line) => line.length > 40) : [secret];

async function trafficOf(
  stage: Stage,
  bearer: string,
): Promise<{ said: string[]; sent: string[] }> {
  const { simulator } = stage;
  const said: string[] = [];
  const keep = async (asked: ReturnType<Stage['call']>): Promise<void> => {
    const { text, headers } = await asked;
    said.push(text, JSON.stringify(headers));
  };
  const as = (headers: Record<string, string>) => ({ headers: { ...PLANTED, ...headers } });
  const key = as({ 'x-api-key': OPERATOR_KEY });
  const bodies: readonly [string, unknown][] = [
    ['wxpay_order', { ...orderBody('T20260102000002'), payer: { openid: OTHER } }],
    ['wxpay_order', { ...orderBody('T20260102000003'), notify_url: PLANTED.cookie }],
    ['wxpay_refund', refundBody(NO, 'R1', 1)],
    ['wxpay_refund', refundBody(NO, 'R2', 1000)],
    ['wxpay_transfer', { ...transferBody('B1', 200), user_name: NAME }],
    ['wxpay_transfer', transferBody('B2', 99_999_999)],
    ['wxpay_transfer_bill_query', { out_bill_no: 'B1' }],
    ['wxpay_refund_query', { out_refund_no: 'R9' }],
    ['wxpay_bill', { bill_date: '2025-12-31' }],
    ['wxpay_sweep', {}],
  ];
  for (const [name, body] of bodies) {
    await keep(stage.call(`/wx-pay/${name}`, body, key));
    await keep(stage.call(`/wx-pay/${name}`, body, as({ 'x-wx-openid': OTHER })));
    await keep(
      stage.call(
        '/',
        { _action: name, ...(body as object) },
        as({ 'x-api-key': 'wrong-planted-api-key-0123456789abc' }),
      ),
    );
  }
  await keep(
    stage.call(
      '/wx-pay/wxpay_query_order_by_out_trade_no',
      { out_trade_no: NO },
      as({ authorization: `Bearer ${bearer}` }),
    ),
  );
  await keep(
    stage.call(
      '/wx-pay/wxpay_order',
      `{"broken ${bearer}`,
      as({ authorization: `Bearer ${bearer.slice(0, -9)}AAAAAAAAA` }),
    ),
  );
  // All that can go wrong on the way to WeChat, and forged callbacks in both forms.
  const kinds = ['bad_signature', 'html', 'truncate', 'unknown_serial', 'stale_timestamp'] as const;
  for (const kind of kinds) {
    simulator.faults.add({ route: /\/v3\//, kind, times: 3 });
    await keep(
      stage.call(
        '/wx-pay/wxpay_order',
        { ...orderBody(`T2026010201${kind.slice(0, 4)}`) },
        as({ 'x-wx-openid': OTHER }),
      ),
    );
    simulator.faults.clear();
  }
  const plain = simulator.order(NO) ?? {};
  const good = simulator.makeNotification('payment', plain);
  const tampered = { ...good, body: good.body.replace('"ciphertext":"', '"ciphertext":"AAAA') };
  const forward = simulator.makeForward('payment', plain);
  for (const m of [
    tampered,
    { body: forward.body, headers: {} },
    { ...good, body: good.body.slice(9) },
  ]) {
    for (const to of ['/wechatpay/order', '/wechatpay/refund', '/']) {
      await keep(stage.call(to, undefined, { raw: m.body, headers: { ...PLANTED, ...m.headers } }));
    }
  }
  for (const to of ['/healthz', '/readyz', '/openapi.json', '/docs', '/nowhere']) {
    await keep(stage.call(to, undefined, as({})));
  }
  await keep(stage.call('/metrics', undefined, as({ 'x-api-key': READ_KEY })));
  return { said, sent: sealedIn(good) };
}

/** Ciphertext and signature of a notification, which came in forged, tampered and whole. */
function sealedIn(m: { body: string; headers: Record<string, string> }): string[] {
  const { resource } = JSON.parse(m.body) as { resource: { ciphertext: string } };
  return [resource.ciphertext, m.headers['Wechatpay-Signature'] ?? 'missing'];
}

/** What only existed while it ran: signatures of both sides and ciphertext. */
function wireSecrets(stage: Stage): string[] {
  const found: string[] = [];
  for (const { headers, body } of stage.simulator.requests) {
    const signature = /signature="([^"]+)"/.exec(headers.authorization ?? '')?.[1];
    if (signature !== undefined) found.push(signature);
    const sealed = /"user_name":"([^"]{40,})"/.exec(body)?.[1];
    if (sealed !== undefined) found.push(sealed);
  }
  return found;
}

describe.each(['sdk', 'gateway'])('signMode=%s', (signMode) => {
  test('nothing leaks while it works, fails and is attacked', async () => {
    const key = keyOf('key-1', 0);
    const issuer = await startIssuer([jwkOf(key)]);
    const stage = await startStage({
      env: {
        signMode,
        cloudbaseEnv: ENV,
        webhookUrl: 'http://127.0.0.1:9/hook',
        webhookSecret: WEBHOOK_SECRET,
        operatorOpenids: PAYER,
        transferMaxFen: '20000',
      },
      overrides: { jwksUrl: issuer.url },
    });
    try {
      await stage.paid(NO);
      const nowMs = stage.simulator.clock.now();
      const bearer = tokenOf({ key, nowMs });
      const { said, sent } = await trafficOf(stage, bearer);
      const { credentials } = stage.simulator;
      const wire = wireSecrets(stage);
      expect(wire.length).toBeGreaterThan(5);
      const secrets = [
        ...[credentials.apiV3Key, credentials.privateKey, credentials.wxPayPublicKey],
        ...[OPERATOR_KEY, READ_KEY, 'wrong-planted-api-key-0123456789abc', WEBHOOK_SECRET],
        ...[bearer, bearer.split('.')[2] ?? '', NAME, 'signature="'],
        ...Object.values(PLANTED),
        ...wire,
        ...sent,
      ].flatMap(piecesOf);
      const logs = stage.logs.join('');
      expect(stage.logs.length).toBeGreaterThan(50);
      for (const secret of [...secrets, PAYER, OTHER]) {
        expect({ secret, inLogs: logs.includes(secret) }).toEqual({ secret, inLogs: false });
      }
      const replies = said.join('\n');
      for (const secret of secrets) {
        expect({ secret, inReplies: replies.includes(secret) }).toEqual({
          secret,
          inReplies: false,
        });
      }
      for (const stack of ['node_modules', '.ts:', 'at async', 'Error:']) {
        expect({ stack, inReplies: replies.includes(stack) }).toEqual({ stack, inReplies: false });
      }
    } finally {
      await stage.close();
      await issuer.close();
    }
  });

  test('an openid goes to its owner and to operators alone', async () => {
    const stage = await startStage({ env: { signMode } });
    try {
      await stage.paid(NO);
      const open = ['/healthz', '/readyz', '/openapi.json', '/docs', '/nowhere'];
      for (const to of open) expect((await stage.call(to)).text).not.toContain(PAYER);
      const metrics = await stage.call('/metrics', undefined, {
        headers: { 'x-api-key': READ_KEY },
      });
      expect(metrics.status).toBe(200);
      expect(metrics.text).not.toContain(PAYER);
      expect(metrics.text).not.toContain(NO);
      for (const body of [{ out_trade_no: NO }, orderBody(NO)]) {
        for (const name of [
          'wxpay_query_order_by_out_trade_no',
          'wxpay_order',
          'wxpay_close_order',
        ]) {
          expect((await stage.asPayer(name, body, OTHER)).text).not.toContain(PAYER);
        }
      }
    } finally {
      await stage.close();
    }
  });
});

test('damaged settings are named, and never shown', async () => {
  const secret = 'planted-setting-0123456789-abcdef';
  const bad = `${secret}💥`;
  const env = {
    apiV3Key: bad,
    privateKey: bad,
    operatorKeys: `foo:${bad}`,
    databaseUrl: `x://u:${secret}@h`,
    webhookUrl: `ftp://u:${secret}@h`,
    corsAllowOrigin: secret,
  };
  const stage = await startStage({ env });
  try {
    const said = [stage.logs.join('')];
    for (const to of ['/healthz', '/readyz', '/metrics']) said.push((await stage.call(to)).text);
    const asked = await stage.asPayer('wxpay_order', orderBody(NO));
    expect(asked.status).toBe(503);
    expect(asked.json.msg).toContain('apiV3Key');
    said.push(asked.text);
    for (const text of said) expect(text).not.toContain(secret);
  } finally {
    await stage.close();
  }
});

describe('the output of a crash', () => {
  const root = path.resolve(__dirname, '../..');

  function run(
    code: string,
    env: Record<string, string>,
  ): Promise<{ text: string; code: number | null }> {
    return new Promise((resolve, reject) => {
      const args = ['--eval', code];
      const NODE_PATH = path.join(root, 'node_modules');
      const options = { cwd: root, env: { PATH: process.env.PATH ?? '', NODE_PATH, ...env } };
      const child = spawn(process.execPath, args, options);
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.on('error', reject);
      child.on('close', (exit) => {
        resolve({ text, code: exit });
      });
    });
  }

  test('a port that is taken, and a bug that nobody caught', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
    const stage = await startStage();
    try {
      const { port } = taken.address() as { port: number };
      const env = stage.simulator.env({
        databaseUrl: 'memory:',
        operatorKeys: OPERATOR_KEY,
        webhookUrl: 'https://example.com/hook',
        webhookSecret: WEBHOOK_SECRET,
        logLevel: 'debug',
        PORT: String(port),
      });
      const { apiV3Key, privateKey } = stage.simulator.credentials;
      const server = bundledOnce(path.join(root, 'bin/server.ts'));
      const main = `require(${JSON.stringify(server)}).main()`;
      const bug = `${main}.catch(() => {}); setTimeout(() => { Promise.reject(new Error(process.env.privateKey)); setTimeout(() => process.exit(0), 300); }, 200)`;
      const thrown = `${main}; setTimeout(() => { throw new Error(process.env.privateKey); }, 300)`;
      const [busy, broken, uncaught] = await Promise.all([
        run(main, env),
        run(bug, { ...env, PORT: '0' }),
        run(thrown, { ...env, PORT: '0' }),
      ]);
      expect(uncaught.text).toContain('uncaught exception');
      expect(uncaught.code).toBe(1);
      expect(busy.text).toContain('EADDRINUSE');
      expect(broken.text).toContain('unhandled rejection');
      for (const { text } of [busy, broken, uncaught]) {
        for (const secret of [apiV3Key, privateKey, OPERATOR_KEY, WEBHOOK_SECRET].flatMap(
          piecesOf,
        )) {
          expect(text).not.toContain(secret);
        }
      }
    } finally {
      await stage.close();
      await new Promise((resolve) => taken.close(resolve));
    }
  });
});

describe('the demo page', () => {
  /** Everything random that was made while `run` ran, in every spelling a key may have. */
  async function madeDuring<T>(run: () => Promise<T>): Promise<{ result: T; keys: string[] }> {
    const real = crypto.randomBytes;
    const made: Buffer[] = [];
    const spy = jest.spyOn(crypto, 'randomBytes').mockImplementation((size: number) => {
      const bytes = real(size);
      made.push(bytes);
      return bytes;
    });
    try {
      const result = await run();
      // Shorter ones are nonces and names, which are no secrets.
      const keys = made.filter((bytes) => bytes.length >= 24);
      const spelled = keys.flatMap((key) =>
        (['hex', 'base64', 'base64url'] as const).map((as) => key.toString(as)),
      );
      return { result, keys: spelled };
    } finally {
      spy.mockRestore();
    }
  }

  const MOVES: readonly (readonly [name: string, body: object])[] = [
    ...['sdk', 'gateway', 'plain'].map((mode) => ['place', { fen: 888, mode }] as const),
    ['pay', { no: 'TEA00001', when: 'now' }],
    ['pay', { no: 'TEA00002', when: 'twice' }],
    ['pay', { no: 'TEA00003', when: 'never' }],
    ['refund', { no: 'TEA00001', fen: 8, when: 'now' }],
    ['refund', { no: 'TEA00001', fen: 1_000_000, when: 'now' }],
    ['transfer', { fen: 100, mode: 'sdk' }],
    ['confirm', { no: 'BACK00004', when: 'now' }],
    ...['forge', 'refund', 'transfer'].map((how) => ['attack', { no: 'TEA00001', how }] as const),
    ['query', { no: 'TEA00003' }],
    ['close', { no: 'TEA00003' }],
    ['callback', { no: 'TEA00001', kind: 'payment', when: 'now' }],
    ['sweep', {}],
    ['pass', { minutes: 30 }],
    ['__proto__', {}],
    ['refund', { no: '__proto__' }],
  ];

  /** All that a browser gets: the files, the answers to every move, and the stream from its beginning. */
  async function shownBy(url: string): Promise<{ text: string; statuses: number[] }> {
    const said: string[] = [];
    const statuses: number[] = [];
    for (const [name, body] of MOVES) {
      const answer = await fetch(`${url}act/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      statuses.push(answer.status);
      said.push(await answer.text(), JSON.stringify([...answer.headers]));
    }
    for (const file of ['', 'page.js', 'page.css', 'nowhere', 'records.db', '%2e%2e/.env']) {
      said.push(await (await fetch(url + file)).text());
    }
    const stop = new AbortController();
    const { body } = await fetch(`${url}events`, { signal: stop.signal });
    let first = '';
    // The first message tells all that has happened so far, however many chunks it takes.
    for await (const chunk of body ?? []) {
      first += Buffer.from(chunk).toString('latin1');
      if (first.includes('\n\n')) break;
    }
    stop.abort();
    said.push(Buffer.from(first, 'latin1').toString());
    return { text: said.join('\n'), statuses };
  }

  test('shows the run and every move, and no key, signature, ciphertext or whole openid', async () => {
    const timeline: Told[] = [];
    const { result, keys } = await madeDuring(async () => {
      const verdict = await runDemo((event, atMs) => {
        timeline.push({ ...event, n: timeline.length, atMs });
      });
      expect(verdict.ok).toBe(true);
      const page = await openPage({ timeline });
      try {
        return await shownBy(page.url);
      } finally {
        await page.close();
      }
    });
    const simulator = await createSimulator();
    const { apiV3Key, privateKey, wxPayPublicKey } = simulator.credentials;
    await simulator.close();
    expect(result.statuses.filter((status) => status === 200)).toHaveLength(MOVES.length - 2);
    expect(result.text).toContain('TEA00001');
    expect(result.text).toContain('TEA_SDK_1');
    // Operator's and webhook keys of every stage: the run's and the page's.
    expect(keys.length).toBeGreaterThan(20);
    for (const secret of [...keys, ...[apiV3Key, privateKey, wxPayPublicKey].flatMap(piecesOf)]) {
      expect({ secret, shown: result.text.includes(secret) }).toEqual({ secret, shown: false });
    }
    const longRuns = result.text.match(/[A-Za-z0-9+/_-]{80,}/g) ?? [];
    const openids = result.text.match(/o(?:DEMO|U)[A-Za-z0-9_-]{20,}/g) ?? [];
    expect({ longRuns, openids }).toEqual({ longRuns: [], openids: [] });
  });
});
