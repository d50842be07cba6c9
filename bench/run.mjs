/**
 * `npm run bench -- [PART …] [FLAGS]`: measures the built service (`npm run build` first) and prints
 * a table for each part; without names, all of them. Results go to bench/results/, with --keep to
 * docs/performance/, plots beside them. All is made for the run in a temporary folder and in
 * databases of its own, and removed after it.
 *
 *   --rounds=5    of which the median is told        --count=3000   requests a round
 *   --seconds=15  of latency                         --minutes=10   of the memory run
 *   --huge        growth up to 10⁷ records           --dist=DIR     another build
 *   --keep        for docs/performance/
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { World } from './lib/world.mjs';

const PARTS = [
  'floor',
  'databases',
  'latency',
  'gateway',
  'memory',
  'coldstart',
  'sweep',
  'growth',
  'cost',
];
const DEFAULTS = { rounds: 5, count: 3000, seconds: 15, minutes: 10 };
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);

function readArguments(given) {
  const flags = {};
  const names = [];
  for (const one of given) {
    const [, name, value = 'true'] = /^--(\w+)(?:=(.*))?$/.exec(one) ?? [];
    if (name === undefined) names.push(one);
    else flags[name] = value;
  }
  const unknown = names.filter((name) => !PARTS.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no such part: ${unknown.join(', ')}. There are: ${PARTS.join(', ')}`);
  }
  return { flags, names: names.length > 0 ? names : PARTS };
}

function numbers(flags) {
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, usual]) => {
      const value = flags[name] === undefined ? usual : Number(flags[name]);
      if (!(value > 0)) throw new Error(`--${name} must be a number above 0`);
      return [name, value];
    }),
  );
}

/** Which build was measured, as its /healthz tells: the checkout may be another one by now. */
function buildOf(dist) {
  const code = fs.readFileSync(path.join(dist, 'server.js'), 'utf8');
  return /\d+\.\d+\.\d+\+[\w.-]+\.[0-9a-f]{8}/.exec(code)?.[0] ?? 'unknown';
}

function machine(dist) {
  const [cpu] = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    system: `${os.type()} ${os.release().split('-')[0]} ${process.arch}`,
    cpu: `${cpu?.model.trim() ?? '?'} × ${String(os.cpus().length)}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    build: buildOf(dist),
    loadAtStart: Number(os.loadavg()[0].toFixed(1)),
  };
}

/** Whatever a part returns, as `path: value` lines: objects of one shape become a table. */
function print(value, indent = '') {
  if (Array.isArray(value) && value.every((row) => typeof row === 'object' && row !== null)) {
    console.table(value);
    return;
  }
  for (const [name, one] of Object.entries(value)) {
    if (typeof one !== 'object' || one === null) console.log(`${indent}${name}: ${String(one)}`);
    else {
      console.log(`${indent}${name}`);
      print(one, `${indent}  `);
    }
  }
}

function keep(folder, name, result) {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'results.json');
  const known = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  fs.writeFileSync(file, `${JSON.stringify({ ...known, [name]: result }, null, 2)}\n`);
}

async function main() {
  const { flags, names } = readArguments(process.argv.slice(2));
  const dist = path.resolve(flags.dist ?? path.join(root, 'dist'));
  if (!fs.existsSync(path.join(dist, 'server.js'))) throw new Error('run npm run build first');
  const folder = flags.keep ? path.join(root, 'docs/performance') : path.join(here, 'results');
  const chart = (name, svg) => {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `${name}.svg`), svg);
  };
  const world = new World(dist);
  await world.open();
  const given = { world, flags, chart, huge: flags.huge !== undefined, ...numbers(flags) };
  for (const name of names) {
    const part = await import(`./parts/${name}.mjs`);
    console.log(`\n${name}: ${part.about}`);
    const on = machine(world.dist);
    const started = performance.now();
    const result = await part.run(given);
    print(result);
    const refusals = Object.fromEntries(world.refusals);
    world.refusals.clear();
    if (Object.keys(refusals).length > 0) print({ refusals });
    const seconds = Math.round((performance.now() - started) / 1000);
    keep(folder, name, { on: { ...on, seconds }, result, refusals });
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
