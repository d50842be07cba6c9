/** `npm run package`: one zip that is complete, the same on every machine, and starts where it is unpacked. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { ROOT } from '../helpers/build';
import { ask, freePort, startProcess } from '../helpers/core';
import { until } from '../helpers/waiting';

const NAME = `pay-common-${(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version}.zip`;

const folder = mkdtempSync(join(tmpdir(), 'pay-common-zip-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Made in another time zone and under another umask each time: neither may show. */
function pack(name: string, zone: string): Buffer {
  const out = join(folder, name);
  const script = join(ROOT, 'scripts/package.mjs');
  const env = { ...process.env, TZ: zone };
  execFileSync(process.execPath, [script, '--out', out], { cwd: ROOT, env, stdio: 'pipe' });
  return readFileSync(join(out, NAME));
}

/** Mode of each file, from the zip's own directory at its end. */
function modesOf(zip: Buffer): Record<string, string> {
  const modes: Record<string, string> = {};
  const signature = Buffer.from([0x50, 0x4b, 0x01, 0x02]);
  for (let at = zip.indexOf(signature); at >= 0; at = zip.indexOf(signature, at + 4)) {
    const name = zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28));
    modes[name] = ((zip.readUInt32LE(at + 38) >>> 16) & 0o7777).toString(8);
  }
  return modes;
}

let zip: Buffer;
beforeAll(() => {
  zip = pack('first', 'Asia/Shanghai');
});

test('two runs make the same bytes, and the hash beside the zip is theirs', () => {
  expect(pack('second', 'America/New_York').equals(zip)).toBe(true);
  const hash = createHash('sha256').update(zip).digest('hex');
  expect(readFileSync(join(folder, 'first', `${NAME}.sha256`), 'utf8')).toBe(`${hash}  ${NAME}\n`);
});

test('scf_bootstrap is executable, has LF alone, and nothing else is executable', () => {
  const files = unzipSync(zip);
  const { scf_bootstrap, ...others } = modesOf(zip);
  expect(scf_bootstrap).toBe('755');
  expect(new Set(Object.values(others))).toEqual(new Set(['644']));
  expect(Buffer.from(files['scf_bootstrap'] ?? []).includes(13)).toBe(false);
});

test('it holds what runs, and nothing that belongs to this machine', () => {
  const files = unzipSync(zip);
  const names = Object.keys(files);
  for (const name of ['index.js', 'server.js', 'cli.js', 'package.json', 'openapi.json']) {
    expect(names).toContain(name);
  }
  expect(names).toContain('console/index.html');
  expect(names.filter((name) => /\.v8$|\.env|\.pem$|node_modules|\.db/.test(name))).toEqual([]);
  for (const bytes of Object.values(files)) {
    expect(Buffer.from(bytes).includes(ROOT)).toBe(false);
  }
});

test('sbom.cdx.json names what the build may bundle, with versions', () => {
  const text = Buffer.from(unzipSync(zip)['sbom.cdx.json'] ?? []).toString('utf8');
  const bill = JSON.parse(text) as {
    bomFormat: string;
    components: { name: string; version: string }[];
  };
  expect(bill.bomFormat).toBe('CycloneDX');
  const names = bill.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['express', 'ajv', 'jose', 'wechatpay-node-v3']));
  expect(names).not.toContain('jest');
  expect(bill.components.every(({ version }) => /^\d+\.\d+\.\d+/.test(version))).toBe(true);
});

test('unpacked, it answers', async () => {
  const place = join(folder, 'unpacked');
  for (const [name, bytes] of Object.entries(unzipSync(zip))) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), bytes);
  }
  const port = await freePort();
  const env = { PORT: String(port), databaseUrl: 'memory:' };
  const { child, ended } = startProcess({ args: ['index.js'], cwd: place, env, onText: () => 0 });
  const url = `http://127.0.0.1:${port}/healthz`;
  try {
    await until(
      'the service answers',
      async () => {
        const answer = await ask({ method: 'GET', url }).catch(() => undefined);
        return answer?.status === 200;
      },
      20,
    );
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});
