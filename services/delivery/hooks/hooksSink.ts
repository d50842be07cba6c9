/**
 * Effects as calls of the merchant's own module, in a thread of its own. A throw, a hang, `process.exit()`
 * or running out of memory in there ends that thread at most: the call counts as failed, the next one starts
 * a new thread. It guards against accidents, not against malice: the module is code the merchant trusts.
 */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { hookCall, openidsOf } from './hookCall';
import { HOOKS_WORKER } from './hooksWorker';
import { DELIVERY_TIMEOUT_MS, DeliveryError, foreignCode, withDeadline } from '../sink';
import type { Sink, SinkDeps } from '../sink';
import type { CloudEvent } from '../../ledger/effectTypes';
import type { DeliveryFailure } from '../../ledger/reasons';

const HEAP_MAX_MB = 256;
const LINE_MAX = 1_000;
/** Text without a line end is cut into lines of this length. */
const BUFFER_MAX = 8_000;
/** Lines of a hook that go to the log, between two deliveries; more are dropped and counted. */
const LINES_MAX = 100;
const REASON_MAX = 200;
/** openids of the latest calls, kept out of what the thread prints, also when it prints late. */
const OPENIDS_MAX = 200;

/**
 * Settings that a hook has no business with. Its own it keeps: a hook that uses a database is given the
 * address under a name of its own. NODE_OPTIONS is dropped because most of it is refused in a thread.
 */
const WITHHELD = new Set(
  [
    'privateKey',
    'apiV3Key',
    'apiKeyV2',
    'clientCertificate',
    'operatorKeys',
    'webhookSecret',
    'webhookUrl',
    'amqpUrl',
    'databaseUrl',
    'CLOUDBASE_APIKEY',
    'recordKey',
    'NODE_OPTIONS',
  ].map((name) => name.toLowerCase()),
);

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HooksSinkOptions extends SinkDeps {
  /** From the working folder, or absolute; CommonJS or ES module. */
  readonly path: string;
  /** The process's environment; our own secrets are withheld from it. */
  readonly env: Environment;
  readonly timeoutMs?: number;
}

/** What a hook may see of the environment. */
export function hookEnvironment(env: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !WITHHELD.has(name.toLowerCase())) kept[name] = value;
  }
  return kept;
}

interface Reply {
  readonly call: number;
  readonly outcome: 'done' | 'missing' | 'failed' | 'unloadable';
  readonly reason?: string;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  lines: number;
  openids: readonly string[];
}

export function createHooksSink(options: HooksSinkOptions): Sink {
  const timeoutMs = options.timeoutMs ?? DELIVERY_TIMEOUT_MS;
  const threads = new Set<Thread>();
  let current: Promise<Thread> | undefined;
  let calls = 0;
  let closed = false;

  /** Ends a thread; its calls fail and are repeated later. */
  const drop = async (thread: Thread, { code, detail }: DeliveryFailure): Promise<void> => {
    if (!threads.delete(thread)) return;
    current = undefined;
    for (const { reject } of thread.waiting.values()) reject(new DeliveryError(code, detail));
    thread.waiting.clear();
    await thread.worker.terminate();
  };

  const start = async (): Promise<Thread> => {
    const worker = await startWorker(options);
    const thread: Thread = { worker, waiting: new Map(), lines: 0, openids: [] };
    threads.add(thread);
    listen(thread, options, (failure) => drop(thread, failure));
    if (closed) await drop(thread, { code: 'sink_closed' });
    return thread;
  };

  const restart = (error: unknown): never => {
    current = undefined;
    throw new DeliveryError('hooks_not_started', causeOf(error), { cause: error });
  };

  const ask = async (event: CloudEvent, use: (thread: Thread) => void): Promise<Reply> => {
    const thread = await (current ??= start().catch(restart));
    if (!threads.has(thread)) throw new DeliveryError('hooks_thread_ended');
    use(thread);
    const { handler, args } = hookCall(event);
    const call = (calls += 1);
    thread.lines = 0;
    thread.openids = [...openidsOf(event), ...thread.openids].slice(0, OPENIDS_MAX);
    return new Promise<Reply>((resolve, reject) => {
      thread.waiting.set(call, { resolve, reject });
      thread.worker.postMessage({ call, handler, args });
    });
  };

  return {
    kind: 'hooks',
    async deliver(event: CloudEvent, signal?: AbortSignal): Promise<'delivered'> {
      if (closed) throw new DeliveryError('sink_closed');
      let used: Thread | undefined;
      const asking = ask(event, (thread) => {
        used = thread;
      });
      const reply = await withDeadline(asking, {
        timeoutMs,
        signal,
        onEnd: () => {
          // There is no other way to stop an endless loop; the other calls of the thread are repeated.
          if (used !== undefined) void drop(used, { code: 'hooks_thread_ended' });
        },
      });
      if (reply.outcome === 'unloadable' && used !== undefined) {
        // The module's failure is remembered by its thread: a new one loads it again.
        void drop(used, { code: 'hooks_unloadable' });
      }
      if (reply.outcome === 'done' || reply.outcome === 'missing') return 'delivered';
      throw failure(reply, event);
    },
    async close() {
      closed = true;
      await Promise.all([...threads].map((thread) => drop(thread, { code: 'sink_closed' })));
    },
  };
}

async function startWorker(options: HooksSinkOptions): Promise<Worker> {
  const { Worker: Thread } = await import('node:worker_threads');
  const worker = new Thread(HOOKS_WORKER, {
    eval: true,
    // Loaders and flags of the main thread are not the hook's.
    execArgv: [],
    argv: [],
    env: hookEnvironment(options.env),
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
    workerData: { url: pathToFileURL(resolve(options.path)).href },
  });
  // An idle thread must not keep a process that wants to end.
  worker.unref();
  return worker;
}

function listen(
  thread: Thread,
  { logger }: HooksSinkOptions,
  drop: (failure: DeliveryFailure) => Promise<void>,
): void {
  const { worker, waiting } = thread;
  worker.on('message', (reply: Reply) => {
    waiting.get(reply.call)?.resolve(reply);
    waiting.delete(reply.call);
  });
  worker.on('error', (error: unknown) => {
    const detail = tidy(describe(error), thread.openids, REASON_MAX);
    logger.warn({ kind: 'hooks', reason: detail }, 'hooks thread crashed');
    void drop({ code: 'hook_crashed', detail });
  });
  worker.on('exit', (code) => {
    void drop({ code: 'hook_ended_thread', detail: String(code) });
  });
  for (const stream of ['stdout', 'stderr'] as const) {
    eachLine(worker[stream], (line) => {
      thread.lines += 1;
      if (thread.lines > LINES_MAX) return;
      const cut = thread.lines === LINES_MAX;
      const output = cut ? '[more is cut]' : tidy(line, thread.openids, LINE_MAX);
      logger.info({ kind: 'hooks', from: stream, detail: output }, 'hook output');
    });
  }
}

/** By lines as readline does, which however keeps a line without an end whole, of whatever length. */
function eachLine(stream: Readable, use: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') use(line);
    if (rest.length > BUFFER_MAX) {
      use(rest);
      rest = '';
    }
  });
  stream.once('end', () => {
    if (rest !== '') use(rest);
  });
}

function failure(reply: Reply, event: CloudEvent): DeliveryError {
  const reason = tidy(reply.reason ?? '', openidsOf(event), REASON_MAX);
  const code = reply.outcome === 'unloadable' ? 'hooks_unloadable' : 'hook_failed';
  return new DeliveryError(code, reason);
}

/** Ours in words, a foreign one by its code. */
const causeOf = (error: unknown): string =>
  error instanceof DeliveryError ? error.message : foreignCode(error);

const describe = (error: unknown): string =>
  types.isNativeError(error) ? `${error.name}: ${error.message}` : String(error);

/** A hook prints and throws what it was given: openids go no further, and length is bounded. */
function tidy(text: string, openids: readonly string[], max: number): string {
  let clean = text;
  for (const openid of openids) clean = clean.replaceAll(openid, '[openid]');
  return clean.slice(0, max);
}
