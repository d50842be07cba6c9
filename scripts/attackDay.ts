/**
 * `npm run attack`: a day of attacks on the built service, in three minutes at most; see `docs/testing.md`.
 *
 *   --seconds N   of each flood (default 4)     --only TEXT   floods whose name contains it
 *   --mode M      sdk or gateway alone          --rate N      genuine flows a second (default 8)
 *   --database U  instead of a SQLite file      --strict      fails also where p99 is above 1 s
 *   --smoke       a few requests of each kind: does all of it run, and does no money move?
 *
 * Ends with 1 where money moved that nobody ordered, or where an effect was lost, doubled or untrue.
 */
import { parseArgs } from 'node:util';
import { MODES, runDay, type Day, type Plan, type Row } from './attack/day';

const P99_MS_MAX = 1000;
const FAULTS_SHOWN = 10;
const WIDTHS = [8, 32, 9, 7, 7, 7, 7, 10, 0];
const HEAD = ['mode', 'flood', 'genuine', 'p50', 'p99', 'max', 'again', 'money/fen', 'answers'];

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const sayRow = (cells: readonly (string | number)[]): void => {
  say(cells.map((cell, i) => String(cell).padEnd(WIDTHS[i] ?? 0)).join(' '));
};

function percentile(waits: readonly number[], share: number): number {
  const sorted = [...waits].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
const p99 = ({ heard }: Row): number => percentile(heard.waits, 0.99);

function tell(row: Row): void {
  const { waits, again } = row.heard;
  const answers = Object.entries(row.tally).map(([status, n]) => `${status}×${String(n)}`);
  sayRow([
    ...[row.mode, row.flood, waits.length],
    ...[percentile(waits, 0.5), p99(row), percentile(waits, 1), again, row.stolenFen],
    answers.join(' '),
  ]);
}

/** Every fault in words; [] = no money moved, and the shop was told all of the truth, once. */
function faultsOf({ mode, rows, effects, troubles }: Day): readonly string[] {
  return [
    ...rows
      .filter((row) => row.stolenFen !== 0)
      .map((row) => `${row.flood}: ${String(row.stolenFen)} fen moved`),
    ...effects.lost.map((fact) => `lost: ${fact}`),
    ...effects.doubled.map((fact) => `doubled: ${fact}`),
    ...effects.untrue.map((fact) => `untrue: ${fact}`),
    ...troubles,
  ].map((fault) => `${mode}: ${fault}`);
}

function settings() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '4' },
      rate: { type: 'string', default: '8' },
      mode: { type: 'string' },
      only: { type: 'string', default: '' },
      database: { type: 'string' },
      strict: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
    },
  });
  const { seconds, rate, mode, only, database, strict, smoke } = values;
  const modes = MODES.filter((one) => mode === undefined || one === mode);
  if (modes.length === 0) throw new Error(`--mode: one of ${MODES.join(', ')}`);
  if (!(Number(seconds) > 0 && Number(seconds) <= 60)) throw new Error('--seconds: up to 60');
  if (!(Number(rate) > 0)) throw new Error('--rate: above 0');
  const short = smoke ? { shotsMax: 40, flowsMax: 2 } : { shotsMax: 1e9, flowsMax: 1e9 };
  const plan: Omit<Plan, 'mode'> = {
    floodMs: (smoke ? 1 : Number(seconds)) * 1000,
    perSecond: Number(rate),
    ...short,
    wanted: (flood) => flood.includes(only),
    databaseUrl: database,
    onRow: tell,
  };
  return { modes, plan, strict };
}

async function main(): Promise<boolean> {
  const { modes, plan, strict } = settings();
  const faults: string[] = [];
  sayRow(HEAD);
  for (const mode of modes) {
    const day = await runDay({ ...plan, mode });
    faults.push(...faultsOf(day));
    const late = day.rows.filter((row) => p99(row) > P99_MS_MAX);
    const slow = late.map(({ flood }) => `${mode}: p99 above ${P99_MS_MAX} ms: ${flood}`);
    for (const one of slow) say(one);
    if (strict) faults.push(...slow);
    say(`${mode}: ${day.paid} orders paid, ${day.effects.lost.length} effects lost`);
  }
  for (const fault of faults.slice(0, FAULTS_SHOWN)) say(fault);
  say(`结论 verdict: ${faults.length === 0 ? '通过 PASS' : `未通过 FAIL (${faults.length})`}`);
  return faults.length === 0;
}

main().then(
  (well) => {
    process.exitCode = well ? 0 : 1;
  },
  (error: unknown) => {
    process.stderr.write(
      `attack: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`,
    );
    process.exitCode = 1;
  },
);
