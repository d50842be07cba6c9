import type { Clock } from '../../utils/clock';
import { invariant } from '../../utils/invariant';
import type { Logger } from '../../utils/logger';
import type { HttpClient, HttpFault, HttpReply, HttpRequest } from './http';
import type { WechatCall } from './strategy';

const TOTAL_MS = 8_000;
const ATTEMPT_MS = 5_000;
const RETRIES_MAX = 2;
/** The n-th wait is this × 3^(n-1), times 0.5 to 1.5: callers that failed together come back apart. */
const BACKOFF_MS = 150;
/** After a connection fault the other host goes first for a while, so that not every call waits for it. */
const AVOID_MS = 30_000;
export const USER_AGENT = `pay-common/1 (node ${process.versions.node})`;
/** What Node will send as it stands: anything else is a path that was not percent-encoded. */
const PATH = /^\/[\x21-\x7e]*$/;

export interface JudgeContext {
  /** An attempt before this one may have been carried out. */
  readonly repeated: boolean;
  /** What is left of the call. */
  readonly leftMs: number;
}

export interface Judged<T> {
  readonly value: T;
  /** Send the same bytes again, if attempts and time are left. */
  readonly again: boolean;
}

export type Sent<T> = { readonly value: T } | { readonly fault: HttpFault };

export interface TransportRequest extends WechatCall {
  /** Wechatpay-Serial of this request, where one is sent. */
  readonly serial?: string;
}

/**
 * Sends one call in as many attempts as it takes: same bytes, signed again each time, never past its
 * deadline. A copy that was delayed on its way is fenced by WeChat's 5-minute window over its signature.
 */
export interface Transport {
  send<T>(
    request: TransportRequest,
    judge: (reply: HttpReply, context: JudgeContext) => Promise<Judged<T>>,
  ): Promise<Sent<T>>;
  /** The headers and bytes of one attempt, for those who read the reply as a stream. */
  prepare(request: TransportRequest, origin: string, timeoutMs: number): Promise<HttpRequest>;
  close(): void;
}

export interface TransportDeps {
  readonly http: HttpClient;
  /** Prepares one attempt: signed again each time. */
  readonly prepare: Prepare;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly baseUrl: string;
  readonly backupUrl: string | undefined;
  /** Between two attempts; a test does not wait. */
  readonly retryPause?: RetryPause | undefined;
}

/** @returns the headers and bytes of one attempt. */
export type Prepare = (
  request: TransportRequest,
  attempt: { readonly origin: string; readonly timeoutMs: number },
) => Promise<HttpRequest>;

export type RetryPause = (ms: number) => Promise<void>;

const realPause: RetryPause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const NOTHING_SENT: HttpFault = {
  reason: 'timeout',
  code: 'DEADLINE',
  sent: false,
  connection: false,
  stale: false,
};

export function createTransport(deps: TransportDeps): Transport {
  const { http, clock, logger, retryPause = realPause } = deps;
  const hosts = createHosts(deps.baseUrl, deps.backupUrl);
  let closed = false;

  return {
    prepare: (request, origin, timeoutMs) => deps.prepare(request, { origin, timeoutMs }),
    async send<T>(
      request: TransportRequest,
      judge: (reply: HttpReply, context: JudgeContext) => Promise<Judged<T>>,
    ): Promise<Sent<T>> {
      const budget = createBudget(request, clock, retryPause);
      let attemptsMax = 1 + (request.retriesMax ?? RETRIES_MAX);
      let repeated = false;
      let fresh = false;
      let sent: Sent<T> = { fault: NOTHING_SENT };
      for (let n = 0; n < attemptsMax && !closed; n += 1) {
        // A kept connection found dead is our own fault: replaced at once, and even where no retry is due.
        if (n > 0 && !fresh && !(await budget.pause(backoffMs(n)))) break;
        if (budget.leftMs() <= 0) break;
        const origin = hosts.pick();
        const timeoutMs = Math.min(ATTEMPT_MS, budget.leftMs());
        const prepared = await deps.prepare(request, { origin, timeoutMs });
        const result = await http.exchange({ ...prepared, fresh });
        if ('reply' in result) {
          hosts.reached(origin);
          const judged = await judge(result.reply, { repeated, leftMs: budget.leftMs() });
          sent = { value: judged.value };
          if (!judged.again) break;
          repeated = true;
          fresh = false;
        } else {
          const { fault } = result;
          sent = { fault };
          if (fault.reason === 'oversize') break;
          repeated ||= fault.sent;
          fresh = fault.stale;
          if (fault.stale) attemptsMax = Math.max(2, attemptsMax);
          else if (fault.connection) hosts.failed(origin);
        }
        const code = 'fault' in sent ? sent.fault.code : 'REPLY';
        logger.info({ ...callFields(request), attempt: n + 1, code }, 'wechatpay attempt failed');
      }
      return sent;
    },
    close() {
      closed = true;
      http.close();
    },
  };
}

/** @throws InvariantError: a path that was not encoded is a bug, and never sent. */
export function guardPath({ path }: WechatCall): void {
  invariant(PATH.test(path), 'the path of a call is percent-encoded');
}

/** What the log may know of a call: never its query, which may hold a token. */
export function callFields(call: WechatCall): { method: string; path: string } {
  return { method: call.method, path: call.path.split('?', 1)[0] ?? '' };
}

interface Budget {
  leftMs(): number;
  /** Waits; false at once when so long a wait would use up all that is left. */
  pause(ms: number): Promise<boolean>;
}

/**
 * Two watches: the injected clock says whether the deadline has passed, the monotonic one how much of the
 * call's own time is used. A machine's clock may jump; a call must end all the same.
 */
function createBudget(request: TransportRequest, clock: Clock, retryPause: RetryPause): Budget {
  const deadline = request.deadline ?? Number.POSITIVE_INFINITY;
  const allowedMs = Math.min(request.totalMs ?? TOTAL_MS, deadline - clock.now());
  const endMs = performance.now() + allowedMs;
  const leftMs = (): number => (clock.now() >= deadline ? 0 : endMs - performance.now());
  return {
    leftMs,
    async pause(ms) {
      if (ms >= leftMs()) return false;
      await retryPause(ms);
      return true;
    },
  };
}

function backoffMs(retry: number): number {
  return BACKOFF_MS * 3 ** (retry - 1) * (0.5 + Math.random());
}

interface Hosts {
  pick(): string;
  failed(origin: string): void;
  reached(origin: string): void;
}

function createHosts(baseUrl: string, backupUrl: string | undefined): Hosts {
  const base = new URL(baseUrl).origin;
  const backup = backupUrl === undefined ? undefined : new URL(backupUrl).origin;
  let avoidBaseUntilMs = 0;
  return {
    pick: () => (backup !== undefined && performance.now() < avoidBaseUntilMs ? backup : base),
    failed(origin) {
      avoidBaseUntilMs = origin === base ? performance.now() + AVOID_MS : 0;
    },
    reached(origin) {
      if (origin === base) avoidBaseUntilMs = 0;
    },
  };
}
