/**
 * Does it leak? Orders and callbacks without a pause, resident memory once a second, a straight
 * line through it.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { closedLoop, round } from '../lib/load.mjs';
import { lineChart } from '../lib/svg.mjs';
import { withClient } from '../lib/world.mjs';

export const about = 'minutes of load: slope of resident memory';

const BATCH = 1000;
const AT_ONCE = 16;
/**
 * While heap and caches find their size, nothing is learned about what stays: this share is left
 * out of the line.
 */
const SETTLING_SHARE = 0.3;

/** Least squares: units of y per unit of x. */
export function slopeOf(points) {
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const x = mean(([px]) => px);
  const y = mean(([, py]) => py);
  const up = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const across = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return across === 0 ? 0 : up / across;
}

const hook = fileURLToPath(new URL('../lib/heapHook.cjs', import.meta.url));
const LOOK_MS = 100;
const LOOKS_MAX = 100;

/** A service that tells, when asked, what its heap holds once all garbage is collected. */
async function startTelling(world) {
  const benchHeapFile = world.freshFile('heap.json');
  const databaseUrl = `file:${world.freshFile('pay.db')}`;
  const args = ['--expose-gc', '--require', hook, 'index.js'];
  const service = await world.start(args, { env: { databaseUrl, benchHeapFile } });
  const heap = async () => {
    fs.rmSync(benchHeapFile, { force: true });
    process.kill(service.pid, 'SIGUSR2');
    for (let i = 0; i < LOOKS_MAX; i++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const text = fs.existsSync(benchHeapFile) ? fs.readFileSync(benchHeapFile, 'utf8') : '';
      if (text.endsWith('\n')) return JSON.parse(text);
    }
    throw new Error('the service does not tell its heap');
  };
  return { ...service, heap };
}

async function batch(world, service) {
  const orders = world.orders(BATCH);
  const placed = await withClient([service], (client) =>
    closedLoop(BATCH, world.placing(client, orders), AT_ONCE),
  );
  const notes = world.notifications(orders);
  const told = await withClient([service], (client) =>
    closedLoop(BATCH, world.notifying(client, notes), AT_ONCE),
  );
  return placed.bad + told.bad;
}

export async function run({ world, minutes, chart }) {
  const service = await startTelling(world);
  if (service.memory() === undefined) return { skipped: 'this system does not tell (no /proc)' };
  let notAnswered = await batch(world, service);
  const before = await service.heap();
  const points = [];
  const started = performance.now();
  const minute = () => (performance.now() - started) / 60_000;
  const timer = setInterval(() => points.push([minute(), service.memory().now]), 1000);
  let batches = 0;
  while (minute() < minutes) {
    notAnswered += await batch(world, service);
    batches++;
  }
  clearInterval(timer);
  const { peak } = service.memory();
  const after = await service.heap();
  await service.stop();
  const settled = points.filter(([at]) => at >= minutes * SETTLING_SHARE);
  chart(
    'memory',
    lineChart({
      title: 'Resident memory under load',
      xLabel: 'minutes',
      yLabel: 'MiB',
      fromZero: true,
      series: [{ name: `RSS, peak ${peak.toFixed(0)} MiB`, points }],
    }),
  );
  return {
    minutes,
    orders: batches * BATCH,
    callbacks: batches * BATCH,
    notAnswered,
    rssAtStart: round(points[0]?.[1] ?? 0, 1),
    rssAtEnd: round(points.at(-1)?.[1] ?? 0, 1),
    peakMiB: round(peak, 1),
    slopeMiBPerMinute: round(slopeOf(settled), 3),
    heapMiBAfterFirstBatch: round(before.heapUsed / 2 ** 20, 2),
    heapMiBAfterLastBatch: round(after.heapUsed / 2 ** 20, 2),
    keptBytesPerOrder: round((after.heapUsed - before.heapUsed) / (batches * BATCH), 1),
  };
}
