/** The machine's time: where the simulator's starts, unless told otherwise. */
export const machineNowMs = (): number => Date.now();

/** A task waiting for its moment on the simulator's clock. */
interface Task {
  readonly atMs: number;
  readonly seq: number;
  readonly run: () => void | Promise<void>;
  cancelled: boolean;
}

/** More steps in one move than this can only be a task that reschedules itself forever. */
const STEPS_MAX = 1_000_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * The simulator's own time: real time plus an offset, or standing still (`frozen`).
 * Moving it forward runs everything that falls due on the way, one after the other and in order,
 * so that a day of repeats is over in milliseconds and always plays the same.
 */
export class SimClock {
  private baseMs: number;
  private originMs: number;
  private pinnedMs: number | undefined;
  private readonly tasks: Task[] = [];
  private seq = 0;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private moves: Promise<void> = Promise.resolve();
  private readonly pending = new Set<Promise<void>>();
  private closed = false;

  constructor(
    startMs: number,
    private readonly frozen: boolean,
  ) {
    this.baseMs = startMs;
    this.originMs = performance.now();
  }

  now(): number {
    if (this.pinnedMs !== undefined) return this.pinnedMs;
    if (this.frozen) return this.baseMs;
    return Math.floor(this.baseMs + performance.now() - this.originMs);
  }

  /** Runs `run` once the clock reads `atMs`; returns a function that calls it off. */
  schedule(atMs: number, run: () => void | Promise<void>): () => void {
    const task: Task = { atMs, seq: (this.seq += 1), run, cancelled: false };
    this.push(task);
    this.arm();
    return () => {
      task.cancelled = true;
    };
  }

  /** Moves forward; resolves when all that fell due has run to its end. */
  advance(ms: number): Promise<void> {
    return this.queue(() => this.moveTo(this.now() + ms));
  }

  /** Sets the time. Backwards nothing runs; what has run stays done. */
  set(ms: number): Promise<void> {
    return this.queue(() => this.moveTo(ms));
  }

  close(): void {
    this.closed = true;
    this.tasks.length = 0;
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
  }

  private queue(move: () => Promise<void>): Promise<void> {
    const result = this.moves.then(move);
    this.moves = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  private async moveTo(targetMs: number): Promise<void> {
    await Promise.all(this.pending);
    this.pinnedMs = Math.min(this.now(), targetMs);
    try {
      for (let step = 0; ; step += 1) {
        if (step >= STEPS_MAX) throw new Error('clock: a task reschedules itself without end');
        const task = this.tasks[0];
        if (this.closed || task === undefined || task.atMs > targetMs) break;
        this.pop();
        if (task.cancelled) continue;
        this.pinnedMs = Math.max(this.pinnedMs, task.atMs);
        await task.run();
      }
    } finally {
      this.baseMs = targetMs;
      this.originMs = performance.now();
      this.pinnedMs = undefined;
      this.arm();
    }
  }

  /** Starts everything due now; deliveries run side by side as they would in reality. */
  private runDue(): void {
    if (this.pinnedMs !== undefined || this.closed) return;
    for (let task = this.tasks[0]; task !== undefined; task = this.tasks[0]) {
      if (task.atMs > this.now()) break;
      this.pop();
      if (task.cancelled) continue;
      const done = task.run();
      if (done === undefined) continue;
      this.pending.add(done);
      void done.finally(() => this.pending.delete(done));
    }
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    const first = this.tasks[0];
    if (this.closed || first === undefined || this.pinnedMs !== undefined) return;
    const waitMs = first.atMs - this.now();
    if (waitMs <= 0) {
      clearImmediate(this.immediate);
      this.immediate = setImmediate(() => {
        this.runDue();
      });
    } else if (!this.frozen) {
      this.timer = setTimeout(
        () => {
          this.runDue();
        },
        Math.min(waitMs, TIMER_MAX_MS),
      );
      this.timer.unref();
    }
  }

  private static before(a: Task, b: Task): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
  }

  /** Binary heap: a load test schedules hundreds of thousands of expiries. */
  private push(task: Task): void {
    const heap = this.tasks;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Task;
      if (!SimClock.before(task, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  private pop(): void {
    const heap = this.tasks;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && SimClock.before(heap[right] as Task, heap[child] as Task)) {
        child = right;
      }
      if (!SimClock.before(heap[child] as Task, last)) break;
      heap[at] = heap[child] as Task;
      at = child;
    }
    heap[at] = last;
  }
}
