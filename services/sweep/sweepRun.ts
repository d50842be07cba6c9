/**
 * One run of the sweep: three lanes side by side, each with its own queue, workers and share of the run, so that
 * no kind of work waits behind another.
 *
 * glossary: *lane* – see `agenda.ts`; *share* – records of a run that no other lane can take away; *known* – in
 * the queue, under way or tried: not queued again; *stuck* – tried in this run without getting anywhere; *seen* –
 * the store held nothing due beyond what the lane knows.
 */
import { dueAt, type Lane } from '../ledger/agenda';
import type { StoredRecord } from '../ledger/record';
import type { OrderStore } from '../stores/orderStore';
import { identityOf, PAGE_MAX } from '../stores/storeRules';
import type { CallLimits } from '../wechat/wechatApi';
import type { Places } from './places';
import type { Clock } from '../../utils/clock';

/** moved: put off; lost: another instance was faster. */
export type Outcome = 'done' | 'moved' | 'lost' | 'stuck';

/** `record`: as it is now, where that is known. */
export interface Tried {
  readonly outcome: Outcome;
  readonly record?: StoredRecord | undefined;
}

export interface RunOptions {
  readonly lanes: readonly Lane[];
  readonly recordsMax: number;
  /** Nothing is begun after it, milliseconds. */
  readonly startUntil: number;
  readonly limits: CallLimits;
}

export interface RunDeps {
  readonly store: Pick<OrderStore, 'due'>;
  readonly clock: Clock;
  /** Never throws: a record that always fails costs its own try, never another's. */
  readonly attempt: (record: StoredRecord, lane: Lane, limits: CallLimits) => Promise<Tried>;
  readonly places: Places;
}

export interface Run {
  /** Rejects where the store could not be read. */
  readonly finished: Promise<void>;
  /** Resolves when nothing but deliveries is left. */
  readonly onlyDeliveries: Promise<void>;
  done(): number;
  /** Begins nothing more; what is under way goes on. */
  close(): void;
  /** What is due and was not tried, counted up to `countMax`. */
  left(countMax: number): Promise<number>;
}

interface Queue {
  readonly lane: Lane;
  readonly waiting: Map<string, StoredRecord>;
  readonly known: Set<string>;
  readonly stuck: Set<string>;
  taken: number;
  active: number;
  seen: boolean;
  filling: boolean;
}

const BATCH = 50;
/** Of unpaid orders so many pages are looked through for other payers, once the first one is full. */
const FURTHER_PAGES_MAX = 4;
/** Each lane's share: a fifth; the rest goes to lanes that have work. */
const SHARES = 5;

/**
 * One of each payer, then the second of each, and so on: however many orders one payer left unpaid, another's wait
 * behind one of them. Orders without a payer were made by the merchant's own people and are each their own.
 */
export function fairOrder(records: readonly StoredRecord[]): readonly StoredRecord[] {
  const seen = new Map<string, number>();
  const turns: StoredRecord[][] = [];
  for (const record of records) {
    const who = record.payer ?? identityOf(record);
    const turn = seen.get(who) ?? 0;
    seen.set(who, turn + 1);
    (turns[turn] ??= []).push(record);
  }
  return turns.flat();
}

const newQueue = (lane: Lane): Queue => ({
  lane,
  waiting: new Map(),
  known: new Set(),
  stuck: new Set(),
  taken: 0,
  active: 0,
  seen: false,
  filling: false,
});

/** Reads what is due in a lane and not known to it. */
async function readNew(
  deps: RunDeps,
  queue: Queue,
): Promise<{ all: boolean; found: StoredRecord[] }> {
  const { lane, known } = queue;
  const now = deps.clock.now();
  const found: StoredRecord[] = [];
  const pages = lane === 'ask' ? 1 + FURTHER_PAGES_MAX : 1;
  let limit = Math.min(PAGE_MAX, BATCH + known.size);
  let after: StoredRecord | undefined;
  for (let page = 0; page < pages; page++) {
    const records = await deps.store.due(now, limit, lane, after);
    found.push(...records.filter((record) => !known.has(identityOf(record))));
    after = records.at(-1);
    if (after === undefined || records.length < limit) return { all: true, found };
    limit = PAGE_MAX;
  }
  return { all: false, found };
}

/** A run as it goes. */
interface Running {
  readonly deps: RunDeps;
  readonly options: RunOptions;
  /** Records of each lane that no other can take away. */
  readonly share: number;
  readonly queues: readonly Queue[];
  readonly underWay: Set<string>;
  taken: number;
  done: number;
  closed: boolean;
  fault: { readonly error: unknown } | undefined;
  finish: () => void;
  leaveDeliveries: () => void;
  stopListening: () => void;
}

export function startRun(deps: RunDeps, options: RunOptions): Run {
  const nothing = (): void => undefined;
  const run: Running = {
    deps,
    options,
    share: Math.ceil(options.recordsMax / SHARES),
    queues: options.lanes.map(newQueue),
    underWay: new Set(),
    taken: 0,
    done: 0,
    closed: false,
    fault: undefined,
    finish: nothing,
    leaveDeliveries: nothing,
    stopListening: nothing,
  };
  const onlyDeliveries = new Promise<void>((resolve) => (run.leaveDeliveries = resolve));
  const ended = new Promise<void>((resolve) => (run.finish = resolve));
  run.stopListening = deps.places.onFree(() => {
    pump(run);
  });
  pump(run);
  return {
    finished: ended.then(() => {
      if (run.fault !== undefined) throw run.fault.error;
    }),
    onlyDeliveries,
    done: () => run.done,
    close: () => {
      run.closed = true;
      pump(run);
    },
    left: (countMax) => left(run, countMax),
  };
}

/** Until nothing is due that was not tried: what is done may make more due. */
function pump(run: Running): void {
  const { queues, options, deps } = run;
  // A lane's need is known before another takes what it might need.
  const ready = queues.every((queue) => queue.seen || queue.known.size > 0 || queue.taken > 0);
  for (const queue of queues) {
    while (ready && !deps.places.isFull(queue.lane) && mayTake(run, queue)) {
      const record = take(run, queue);
      if (record !== undefined) begin(run, queue, record);
    }
    const looks = queue.waiting.size === 0 && queue.active === 0 && !queue.seen;
    const more = isOpen(run) && options.recordsMax > run.taken;
    if (looks && !queue.filling && more) refill(run, queue);
  }
  // A lane that could go on but for its places waits for them: an earlier run may hold them all.
  const still = queues.filter((queue) => queue.active > 0 || queue.filling || mayTake(run, queue));
  if (still.every((queue) => queue.lane === 'deliver' && !queue.filling)) run.leaveDeliveries();
  if (still.length > 0) return;
  run.stopListening();
  run.finish();
}

const isOpen = ({ closed, deps, options }: Running): boolean =>
  !closed && deps.clock.now() < options.startUntil;

/** What this lane may still come to need of its share. */
function claim({ share }: Running, { seen, waiting, taken: mine }: Queue): number {
  const wanted = seen ? waiting.size : share;
  return Math.max(0, Math.min(wanted, share - mine));
}

function mayTake(run: Running, queue: Queue): boolean {
  if (!isOpen(run) || queue.waiting.size === 0) return false;
  const others = run.queues.filter((other) => other !== queue);
  const claimed = others.reduce((sum, other) => sum + claim(run, other), 0);
  return run.options.recordsMax - run.taken > claimed;
}

function take({ underWay }: Running, queue: Queue): StoredRecord | undefined {
  for (const [key, record] of queue.waiting) {
    queue.waiting.delete(key);
    // Another lane works on it: it is given back with what became of it, or found again.
    if (!underWay.has(key)) return record;
    queue.known.delete(key);
  }
  return undefined;
}

function begin(run: Running, queue: Queue, record: StoredRecord): void {
  const { deps, options, underWay } = run;
  const key = identityOf(record);
  run.taken++;
  queue.taken++;
  queue.active++;
  deps.places.take(queue.lane);
  underWay.add(key);
  void deps.attempt(record, queue.lane, options.limits).then((tried) => {
    queue.active--;
    underWay.delete(key);
    settle(run, queue, key, tried);
    deps.places.giveBack(queue.lane);
  });
}

function settle(run: Running, queue: Queue, key: string, { outcome, record }: Tried): void {
  if (outcome === 'done') run.done++;
  if (outcome === 'done' || outcome === 'moved') {
    queue.known.delete(key);
    queue.seen = false;
  }
  if (outcome === 'stuck') queue.stuck.add(key);
  if (record !== undefined) handOn(run, queue, record);
}

/** What one lane's work made due in another is done in the same run. */
function handOn({ queues, deps }: Running, from: Queue, record: StoredRecord): void {
  const key = identityOf(record);
  const now = deps.clock.now();
  for (const queue of queues) {
    if (queue !== from && queue.waiting.delete(key)) queue.known.delete(key);
    if (queue.stuck.has(key) || (dueAt(record, queue.lane) ?? Infinity) > now) continue;
    queue.known.add(key);
    queue.waiting.set(key, record);
  }
}

function refill(run: Running, queue: Queue): void {
  queue.filling = true;
  fill(run, queue)
    .catch((error: unknown) => {
      run.fault ??= { error };
      run.closed = true;
    })
    .finally(() => {
      queue.filling = false;
      pump(run);
    });
}

async function fill({ deps }: Running, queue: Queue): Promise<void> {
  const { all, found } = await readNew(deps, queue);
  queue.seen = all;
  for (const record of queue.lane === 'ask' ? fairOrder(found) : found) {
    queue.known.add(identityOf(record));
    queue.waiting.set(identityOf(record), record);
  }
}

async function left({ deps, queues }: Running, countMax: number): Promise<number> {
  const now = deps.clock.now();
  const keys = new Set<string>();
  for (const queue of queues) {
    if (queue.seen && queue.waiting.size === 0) continue;
    const due = await deps.store.due(now, countMax, queue.lane);
    for (const record of due) {
      if (!queue.stuck.has(identityOf(record))) keys.add(identityOf(record));
    }
  }
  return Math.min(keys.size, countMax);
}
