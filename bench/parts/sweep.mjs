/**
 * A thousand due records among a million: what a sweep costs when there is work, and when there is
 * none.
 */
import { median, round } from '../lib/load.mjs';
import { addDue, createFilled, fillTo, openSqlite } from '../lib/fill.mjs';
import { withClient } from '../lib/world.mjs';

export const about = '1,000,000 records of which 1,000 are due; a sweep that finds nothing';

const DUE = 1000;
const IDLE_SWEEPS = 15;
const SWEEPS_MAX = 200;
const FEW = 10_000;
const MANY = 1_000_000;
const UNPAID_EVERY = 100;
const LOOKS = 2000;

/** As services/stores/sql/sqlOrderStore.ts asks. */
const DUE_SQL =
  'SELECT mchid, kind, no, version, created_at, body FROM pay_record ' +
  'WHERE due_at <= ? AND min_reader <= ? ORDER BY due_at, kind, no LIMIT 50';

const sweepOnce = async (client, key) => {
  const started = performance.now();
  const reply = await client.post('/wx-pay/wxpay_sweep', '{}', { 'x-api-key': key });
  const { done, left } = reply.body.data?.data ?? {};
  if (done === undefined) throw new Error(`the sweep was refused: ${String(reply.text)}`);
  return { done, left, ms: performance.now() - started };
};

async function sweepAll(world, file) {
  const { operatorKey } = world.merchant;
  const service = await world.service({ databaseUrl: `file:${file}`, operatorKeys: operatorKey });
  const { work, idle } = await withClient([service], async (client) => {
    const sweep = () => sweepOnce(client, operatorKey);
    const work = [];
    do work.push(await sweep());
    while (work.length < SWEEPS_MAX && (work.at(-1).left > 0 || work.at(-1).done > 0));
    const idle = [];
    for (let i = 0; i < IDLE_SWEEPS; i++) idle.push(await sweep());
    return { work, idle };
  });
  const peakMiB = round(service.memory()?.peak ?? 0);
  await service.stop('SIGTERM');
  return {
    done: work.reduce((sum, { done }) => sum + done, 0),
    sweeps: work.length - 1,
    ms: round(work.slice(0, -1).reduce((sum, { ms }) => sum + ms, 0)),
    idleMs: round(median(idle.map(({ ms }) => ms)), 2),
    peakMiB,
  };
}

function looked(file) {
  const database = openSqlite(file);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${DUE_SQL}`).all([Date.now(), 1]);
  const statement = database.prepare(DUE_SQL);
  const started = performance.now();
  for (let i = 0; i < LOOKS; i++) statement.all([Date.now(), 1]);
  const queryMicroseconds = round(((performance.now() - started) * 1000) / LOOKS, 1);
  const paid = database
    .prepare("SELECT count(*) AS n FROM pay_record WHERE due_at IS NULL AND state = 'PAID'")
    .all([])[0].n;
  database.close();
  return { plan: plan.map(({ detail }) => detail).join('; '), queryMicroseconds, paid };
}

async function among(world, rows) {
  const filled = await createFilled(world, { unpaidEvery: UNPAID_EVERY });
  fillTo(filled, rows - DUE);
  addDue(filled, DUE);
  // The two samples that the file was made from are records as well; one of them may be due.
  const swept = await sweepAll(world, filled.file);
  return { rows, due: DUE, ...swept, ...looked(filled.file) };
}

export async function run({ world }) {
  return [await among(world, FEW), await among(world, MANY)];
}
