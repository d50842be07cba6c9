/**
 * `trigger` and `replay`: notifications on demand, for a service on this machine. They are signed and
 * encrypted by a running simulator with its own made-up keys; no key of anybody passes through here, so
 * a service with real credentials refuses what arrives.
 */
import { parseUrl, placeOf } from '../config/hosts';
import { positionals, readArgs, wholeNumber } from './args';
import { ask, isJson } from './http';
import { CommandError, UsageError, type Command, type Env, type Io } from './io';
import { createProgress } from './progress';
import { readSettings } from './settings';
import { table } from './table';
import type { Json } from '../utils/json';

const TIMEOUT_MS = 30_000;
const CALLBACKS_MAX = 1000;
const TIMES_MAX = 100;

type Kind = 'payment' | 'refund' | 'transfer';

/** Where the number of each kind is in the simulator, and how it comes to its end there. */
const KINDS: Readonly<
  Record<Kind, { option: 'order' | 'refund' | 'bill'; finish: (no: string) => [string, Json] }>
> = {
  payment: {
    option: 'order',
    finish: (no) => ['/_sim/pay', { out_trade_no: no, deliver: 'never' }],
  },
  refund: {
    option: 'refund',
    finish: (no) => ['/_sim/refund', { out_refund_no: no, status: 'SUCCESS', deliver: 'never' }],
  },
  transfer: {
    option: 'bill',
    finish: (no) => ['/_sim/transfer', { out_bill_no: no, action: 'confirm' }],
  },
};

const isKind = (text: string): text is Kind => Object.hasOwn(KINDS, text);

interface Sent {
  readonly kind: string;
  readonly no: string;
  readonly event_type: string;
  readonly url: string;
  readonly mode: string;
  readonly statusAnswered: number;
  readonly ok: boolean;
  readonly error?: string;
}

/** A service on this machine only: these commands are for trying things out, never for production. */
function nearby(text: string, option: string): URL {
  const url = parseUrl(text);
  if (url !== undefined && placeOf(url.hostname) === 'loopback') return url;
  throw new UsageError(`${option} 只能是本机地址 / must be on this machine (http://127.0.0.1:…)`);
}

function simulatorOf(given: string | undefined, env: Env): URL {
  const text = given ?? env['wxPayBaseUrl'];
  if (text === undefined) throw new UsageError('缺少 --sim URL / --sim URL is missing');
  return nearby(text, '--sim');
}

async function control(sim: URL, path: string, body?: Json): Promise<unknown> {
  const method = body === undefined ? 'GET' : 'POST';
  const url = new URL(path, sim);
  let answer;
  try {
    answer = await ask({
      method,
      url,
      timeoutMs: TIMEOUT_MS,
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new CommandError(`模拟器不可达 / the simulator does not answer: ${sim.origin} ${reason}`);
  }
  if (answer.status === 200) return answer.body;
  const reason = isJson(answer.body) ? String(answer.body['error']) : '';
  throw new CommandError(`${path}: HTTP ${answer.status} ${reason}`);
}

const COMMON = {
  env: { type: 'string' },
  sim: { type: 'string' },
  to: { type: 'string' },
  json: { type: 'boolean' },
} as const;

function report(io: Io, sent: readonly Sent[], json: boolean): 0 | 1 {
  if (json) io.out(`${JSON.stringify(sent)}\n`);
  else if (sent.length === 0) io.out('没有可发送的回调 nothing to send\n');
  else {
    const rows = sent.map((one) => [
      one.ok ? '✓' : '✗',
      one.event_type,
      one.no,
      one.url,
      one.statusAnswered === 0 ? (one.error ?? '0') : String(one.statusAnswered),
    ]);
    io.out(table(['', 'event', 'no', 'url', '应答 answer'], rows));
  }
  return sent.every((one) => one.ok) ? 0 : 1;
}

/** Where a callback of a kind arrives at a service. */
const PATHS: Readonly<Record<string, string>> = {
  payment: '/wechatpay/order',
  refund: '/wechatpay/refund',
  transfer: '/wechatpay/transfer',
  echo: '/wechatpay/echo',
};

function targetOf(to: URL | undefined, kind: string, mode: string | undefined): Json {
  if (to === undefined) return {};
  const base = to.href.replace(/\/$/, '');
  return { url: mode === 'gateway' ? `${base}/` : `${base}${PATHS[kind] ?? '/'}` };
}

function modeOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'direct' || text === 'gateway') return text;
  throw new UsageError('--mode direct | gateway');
}

export const trigger: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    ...COMMON,
    order: { type: 'string' },
    refund: { type: 'string' },
    bill: { type: 'string' },
    times: { type: 'string' },
    mode: { type: 'string' },
  });
  positionals(given, 1, 2);
  const [kind = '', second] = given;
  if (!isKind(kind)) throw new UsageError('trigger payment | refund | transfer');
  const no = second ?? values[KINDS[kind].option];
  if (no === undefined) throw new UsageError(`缺少 --${KINDS[kind].option} NO / is missing`);
  const times = wholeNumber(values.times, '--times') ?? 1;
  if (times > TIMES_MAX) throw new UsageError(`--times ≤ ${TIMES_MAX}`);
  const mode = modeOf(values.mode);
  const sim = simulatorOf(values.sim, readSettings(io, values.env));
  const to = values.to === undefined ? undefined : nearby(values.to, '--to');
  const deliver = (): Promise<unknown> =>
    control(sim, '/_sim/deliver', {
      kind,
      no,
      times,
      ...(mode === undefined ? {} : { mode }),
      ...targetOf(to, kind, mode),
    });
  if (!(await hasEnded(sim, kind, no))) await control(sim, ...KINDS[kind].finish(no));
  return report(io, (await deliver()) as Sent[], values.json ?? false);
};

/** Whether the event has happened in the simulator already: then it is only notified again. */
async function hasEnded(sim: URL, kind: Kind, no: string): Promise<boolean> {
  const state = (await control(sim, '/_sim/state?limit=1000')) as Readonly<Record<string, Json[]>>;
  const [list, key, field, open] = {
    payment: ['orders', 'out_trade_no', 'trade_state', ['NOTPAY']] as const,
    refund: ['refunds', 'out_refund_no', 'status', ['PROCESSING']] as const,
    transfer: [
      'transfers',
      'out_bill_no',
      'state',
      ['ACCEPTED', 'PROCESSING', 'WAIT_USER_CONFIRM', 'TRANSFERING'],
    ] as const,
  }[kind];
  const found = state[list]?.find((one) => one[key] === no);
  if (found === undefined) {
    throw new CommandError(
      `模拟器中没有 ${no}，请先下单 / ${no} is not known there: place it first`,
    );
  }
  return !(open as readonly unknown[]).includes(found[field]);
}

/**
 * What the simulator has sent so far, sent again in the same order: same notification ids, signed and
 * encrypted again, because a signature older than five minutes is rightly refused.
 */
export const replay: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    ...COMMON,
    kind: { type: 'string' },
    no: { type: 'string' },
    failed: { type: 'boolean' },
    limit: { type: 'string' },
    progress: { type: 'boolean' },
  });
  positionals(given, 0);
  if (values.kind !== undefined && !Object.hasOwn(PATHS, values.kind)) {
    throw new UsageError(`--kind ${Object.keys(PATHS).join(' | ')}`);
  }
  const limit = Math.min(wholeNumber(values.limit, '--limit') ?? 100, CALLBACKS_MAX);
  const sim = simulatorOf(values.sim, readSettings(io, values.env));
  const to = values.to === undefined ? undefined : nearby(values.to, '--to');
  const kept = (await control(sim, `/_sim/callbacks?limit=${CALLBACKS_MAX}`)) as Sent[];
  const chosen = kept
    .filter((one) => values.kind === undefined || one.kind === values.kind)
    .filter((one) => values.no === undefined || one.no === values.no)
    .filter((one) => values.failed !== true || !one.ok)
    .slice(-limit);
  const progress = createProgress(io, values.progress ?? false);
  const sent: Sent[] = [];
  try {
    for (const { kind, no, mode } of chosen) {
      const body = { kind, no, mode, ...targetOf(to, kind, mode) };
      sent.push(...((await control(sim, '/_sim/deliver', body)) as Sent[]));
      progress.say(`已重发 sent ${sent.length}/${chosen.length}`);
    }
  } finally {
    progress.end();
  }
  return report(io, sent, values.json ?? false);
};
