/**
 * Where effects go. A sink delivers one event and says what came of it; order, repetition and bookkeeping
 * are the deliverer's (`deliverer.ts`).
 *
 * Rules for a sink: it opens nothing before its first `deliver`; it answers within 15 s, whatever the other
 * side does; what it throws, logs or returns holds no secret and no openid; after a failure it is usable.
 */
import { types } from 'node:util';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';
import type { CloudEvent } from '../ledger/effectTypes';
import { failureText, type DeliveryCode, type DeliveryFailure } from '../ledger/reasons';

/** One delivery may take this long, over all: connecting, sending, waiting. */
export const DELIVERY_TIMEOUT_MS = 15_000;

export interface Sink {
  readonly kind: 'webhook' | 'amqp' | 'hooks';
  /**
   * Delivers at least once: when it throws, the receiver may have got the event all the same.
   *
   * @returns 'delivered', or 'gone': the receiver wants this no more (webhook, 410); repeating is useless.
   * @throws  DeliveryError: try again later.
   */
  deliver(event: CloudEvent, signal?: AbortSignal): Promise<'delivered' | 'gone'>;
  /** Ends connections and threads; a delivery under way fails. */
  close(): Promise<void>;
}

export interface SinkDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A delivery failed and may be repeated. The detail is shown to operators: no secrets in it. */
export class DeliveryError extends Error {
  readonly retryable = true;
  readonly failure: DeliveryFailure;
  constructor(code: DeliveryCode, detail?: string, options?: ErrorOptions) {
    const failure = detail === undefined ? { code } : { code, detail };
    super(failureText(failure), options);
    this.name = 'DeliveryError';
    this.failure = failure;
  }
}

/** What may be said of a failure: our own words in full, of foreign errors the code alone. */
export const failureOf = (error: unknown): DeliveryFailure =>
  error instanceof DeliveryError ? error.failure : { code: 'failed', detail: foreignCode(error) };

export function foreignCode(error: unknown): string {
  if (!types.isNativeError(error)) return 'unknown failure';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}

/**
 * Settles as `work` does, or fails after `timeoutMs` or when `signal` says so; `onEnd` then frees what the
 * work holds. Made by hand because `AbortSignal.any` is missing in Node 18.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
    readonly onEnd: () => void;
  },
): Promise<T> {
  const { timeoutMs, signal, onEnd } = options;
  let stop: (code: DeliveryCode, detail?: string) => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = (code, detail): void => {
      reject(new DeliveryError(code, detail));
      onEnd();
    };
  });
  const onAbort = (): void => {
    stop('stopped');
  };
  const timer = setTimeout(() => {
    stop('no_answer', `${String(timeoutMs)} ms`);
  }, timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    return await Promise.race([stopped, work]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
