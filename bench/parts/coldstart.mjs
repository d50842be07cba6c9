/**
 * The package as it is deployed, started under the Node versions of the platform: to the first
 * answer, to the first order.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { closedLoop, median, round } from '../lib/load.mjs';
import { emptyNodeMs, withClient } from '../lib/world.mjs';

export const about = 'start of the built package under Node 18.15 and 20';

const VERSIONS = ['18.15.0', '20'];
const STARTS = 15;
const FETCH_MS_MAX = 120_000;
const compiler = fileURLToPath(new URL('../../scripts/compile.cjs', import.meta.url));

/** @returns the path of that Node, fetched as a package; undefined where it cannot be had. */
function fetchNode(version, folder) {
  const name = `node-${process.platform}-${process.arch}@${version}`;
  const into = fs.mkdtempSync(path.join(folder, 'node-'));
  const options = { cwd: into, timeout: FETCH_MS_MAX, encoding: 'utf8' };
  const packed = spawnSync('npm', ['pack', name, '--silent'], options);
  const file = fs.readdirSync(into).find((one) => one.endsWith('.tgz'));
  if (packed.status !== 0 || file === undefined) return undefined;
  if (spawnSync('tar', ['-xzf', file], options).status !== 0) return undefined;
  const node = path.join(into, 'package/bin/node');
  return fs.existsSync(node) ? node : undefined;
}

async function startUnder(world, node, cwd) {
  const answer = [];
  const order = [];
  const empty = [];
  for (let i = 0; i < STARTS; i++) {
    const service = await world.service({}, { node, cwd });
    const { startMs } = service;
    const asked = performance.now();
    const orders = world.orders(1);
    const placed = await withClient([service], (client) =>
      closedLoop(1, world.placing(client, orders)),
    );
    if (placed.bad > 0) throw new Error('its first order failed');
    answer.push(startMs);
    order.push(startMs + performance.now() - asked);
    await service.stop();
    empty.push(emptyNodeMs(node));
  }
  // The fastest is the start itself; what others do with the machine is only ever added to it.
  const [answerMs, orderMs, emptyMs] = [answer, order, empty].map((one) => Math.min(...one));
  return {
    answerMs: round(answerMs),
    orderMs: round(orderMs),
    emptyMs: round(emptyMs),
    ratio: round(answerMs / emptyMs, 2),
    medianAnswerMs: round(median(answer)),
  };
}

function copyOf(world, name) {
  const to = path.join(world.folder, name);
  fs.cpSync(world.dist, to, { recursive: true });
  for (const file of fs.readdirSync(to)) {
    if (file.endsWith('.v8')) fs.rmSync(path.join(to, file));
  }
  return to;
}

export async function run({ world }) {
  const result = [];
  for (const version of VERSIONS) {
    const node = fetchNode(version, world.folder);
    if (node === undefined) {
      result.push({ node: version, skipped: 'this Node cannot be fetched here' });
      continue;
    }
    const exact = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    const plain = copyOf(world, `plain-${exact}`);
    result.push({ node: exact, compiled: false, ...(await startUnder(world, node, plain)) });
    const compiled = copyOf(world, `compiled-${exact}`);
    const { PATH } = process.env;
    const made = spawnSync(node, [compiler, compiled], { env: { PATH, TMPDIR: world.folder } });
    if (made.status !== 0) continue;
    result.push({ node: exact, compiled: true, ...(await startUnder(world, node, compiled)) });
  }
  return result;
}
