/** How the service is: alive, ready, counted, documented. Names of settings, never values. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ListenConfig } from '../config/types';
import type { Clock } from '../utils/clock';
import { AppError, ConfigError } from '../utils/errors';
import type { Gauges, Metrics } from '../utils/metrics';
import { sendJson } from '../utils/respond';
import { toRfc3339 } from '../utils/time';

const SWEEP_QUIET_MAX_MS = 10 * 60_000;
/** Work that has been due for longer is late: no sweep runs, or WeChat or the receiver cannot be reached. */
const BEHIND_MS = 5 * 60_000;

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void> | void;

/** The state of one merchant's wing, and its store. */
export interface MerchantStatus {
  /** @param operator the caller has an operator's key: the answer says how much is due, to others only whether. */
  health(res: ServerResponse, caller: { readonly operator: boolean }): Promise<void>;
  readonly ready: Handler;
}

export interface StatusController extends MerchantStatus {
  readonly metrics: Handler;
  readonly openapi: Handler;
  readonly docs: Handler;
}

/** A further merchant, as the whole process tells about him. */
export interface MerchantState {
  /** Its key; without one its place in the file. */
  readonly merchant: string;
  /** Why its settings are refused. */
  readonly error?: ConfigError;
  readonly oldestDue?: () => Promise<number | undefined>;
  readonly lastSweep?: () => number | undefined;
}

export interface StatusDeps {
  readonly listen: ListenConfig;
  readonly build: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly reference: {
    readonly document: () => Promise<string>;
    readonly page: () => Promise<{ readonly html: string; readonly policy: string }>;
  };
  readonly signMode?: string;
  readonly configError?: ConfigError;
  readonly warnings: readonly string[];
  readonly store?: {
    readonly name: string;
    readonly durable: boolean;
    ping(): Promise<void>;
    opening?(): { readonly opened: boolean; readonly error?: string };
  };
  /** undefined: there is no file of further merchants. */
  readonly merchants?: readonly MerchantState[];
  /** true: the file is refused as a whole, so there is none of them. */
  readonly merchantsRefused?: boolean;
  /** Since when work has been due to any of these merchants, in milliseconds. */
  readonly oldestDue?: () => Promise<number | undefined>;
  /** What of valid settings does not work. */
  readonly faults?: () => readonly string[];
  readonly keys?: () => { readonly ready: boolean; readonly serials: readonly string[] };
  readonly lastSweep?: () => number | undefined;
  /** true: no timer runs in this process; an external one must call wxpay_sweep. */
  readonly sweepExpected?: boolean;
}

function faultsOf({ configError, faults }: StatusDeps): Readonly<Record<string, unknown>> {
  if (configError !== undefined) return { error: configError.code, faults: configError.faults };
  const found = faults?.() ?? [];
  return found.length === 0 ? {} : { faults: found };
}

function dueWord(ageMs: number | null | undefined): 'ok' | 'behind' | 'unknown' {
  if (ageMs === undefined) return 'unknown';
  return ageMs !== null && ageMs > BEHIND_MS ? 'behind' : 'ok';
}

/** Requests that come while an answer is being made get the same one: a flood costs the store one query at a time. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined;
  return () =>
    (asking ??= ask().finally(() => {
      asking = undefined;
    }));
}

export function createStatusController(deps: StatusDeps): StatusController {
  const { store, clock } = deps;
  const started = clock.now();
  const oldestDue = oneAtATime(async () => deps.oldestDue?.());
  const ping = oneAtATime(async () => store?.ping());

  /** A missing timer is reported: otherwise records would wait, and nobody would notice. */
  function sweepWarnings(): readonly string[] {
    if (deps.sweepExpected !== true) return [];
    const quietMs = clock.now() - (deps.lastSweep?.() ?? started);
    if (quietMs <= SWEEP_QUIET_MAX_MS) return [];
    const minutes = String(Math.floor(quietMs / 60_000));
    return [
      `本实例已 ${minutes} 分钟未执行 wxpay_sweep，请部署 examples/sweep-timer / ` +
        `wxpay_sweep has not run here for ${minutes} min: deploy examples/sweep-timer`,
    ];
  }

  const ageMs = (at: number): number => Math.max(0, clock.now() - at);
  const sweptSecondsAgo = (at: number | undefined): number =>
    (clock.now() - (at ?? started)) / 1000;

  /** undefined when the store does not answer: health is about this process, not about the store. */
  async function oldestDueAgeMs(): Promise<number | null | undefined> {
    if (store === undefined) return null;
    if (store.opening?.().opened === false) return undefined;
    try {
      const due = await oldestDue();
      return due === undefined ? null : ageMs(due);
    } catch {
      return undefined;
    }
  }

  const health: MerchantStatus['health'] = async (res, { operator }) => {
    const last = deps.lastSweep?.();
    const age = await oldestDueAgeMs();
    sendJson(res, 200, {
      code: 0,
      msg: 'success',
      status: deps.configError === undefined ? 'ok' : 'not configured',
      build: deps.build,
      sign_mode: deps.signMode ?? null,
      settings: deps.listen.present,
      store: store?.name ?? null,
      durable: store?.durable ?? false,
      last_sweep: last === undefined ? null : toRfc3339(last),
      due: dueWord(age),
      ...(operator ? { oldest_due_age_ms: age ?? null } : {}),
      store_error: store?.opening?.().error ?? null,
      store_answers: store !== undefined && age !== undefined,
      ...faultsOf(deps),
      ...merchantsShown(deps, operator),
      warnings: [...deps.warnings, ...sweepWarnings()],
    });
  };

  return {
    health,
    ready: (_req, res) => answerReady(deps, ping, res),
    async metrics(_req, res) {
      const age = await oldestDueAgeMs();
      const gauges = {
        oldest_due_age_seconds: age === undefined ? undefined : (age ?? 0) / 1000,
        store_up: age === undefined ? 0 : 1,
        last_sweep_age_seconds: sweptSecondsAgo(deps.lastSweep?.()),
        resident_memory_bytes: process.memoryUsage.rss(),
      };
      const build = { build: deps.build, node: process.versions.node };
      const text = deps.metrics.text(
        gauges,
        build,
        age === undefined ? new Map() : await gaugesOf({ ...deps, started }),
      );
      res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      res.end(text);
    },
    async openapi(_req, res) {
      const text = await deps.reference.document();
      res.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
      res.end(text);
    },
    async docs(_req, res) {
      const { html, policy } = await deps.reference.page();
      res.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy,
      });
      res.end(html);
    },
  };
}

/** The gauges of each further merchant that serves. */
async function gaugesOf({
  merchants = [],
  clock,
  started,
}: StatusDeps & { readonly started: number }): Promise<ReadonlyMap<string, Partial<Gauges>>> {
  const serving = merchants.filter(({ error }) => error === undefined);
  const gauges = serving.map(async ({ merchant, lastSweep, ...one }) => {
    const due = await one.oldestDue?.();
    const now = clock.now();
    const dueSeconds = due === undefined ? 0 : Math.max(0, now - due) / 1000;
    const swept = (now - (lastSweep?.() ?? started)) / 1000;
    return [
      merchant,
      { oldest_due_age_seconds: dueSeconds, last_sweep_age_seconds: swept },
    ] as const;
  });
  return new Map(await Promise.all(gauges));
}

async function answerReady(
  deps: StatusDeps,
  ping: () => Promise<void>,
  res: ServerResponse,
): Promise<void> {
  const keys = deps.keys?.();
  let storeReady = false;
  let code: string | null = deps.configError?.code ?? null;
  try {
    await ping();
    storeReady = deps.store !== undefined;
  } catch (error) {
    code = error instanceof AppError ? error.code : 'STORE_UNAVAILABLE';
  }
  const all = deps.configError === undefined && storeReady && keys?.ready === true;
  sendJson(res, all ? 200 : 503, {
    code: all ? 0 : -1,
    msg: all ? 'success' : 'not ready',
    ready: all,
    credentials: deps.configError === undefined,
    store: storeReady,
    keys: keys?.ready ?? false,
    key_serials: keys?.serials ?? [],
    error: all ? null : code,
  });
}

/** Strangers learn only whether all are configured: the keys of the merchants are not for them. */
function merchantsShown(
  { merchants, merchantsRefused = false }: StatusDeps,
  operator: boolean,
): { readonly merchants_configured?: boolean; readonly merchants?: readonly object[] } {
  if (merchants === undefined) return {};
  const merchants_configured =
    !merchantsRefused && merchants.every(({ error }) => error === undefined);
  if (!operator) return { merchants_configured };
  return {
    merchants_configured,
    merchants: merchants.map(({ merchant, error }) =>
      error === undefined
        ? { merchant, status: 'ok' }
        : { merchant, status: 'not configured', error: error.code, faults: error.faults },
    ),
  };
}
