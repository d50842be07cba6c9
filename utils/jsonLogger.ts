/**
 * One JSON object a line on standard output. Only fields of the allow-list survive, so that a careless
 * `logger.info({ headers })` three files away cannot print a key. Why not pino: decision 0001.
 */
import { writeSync, write } from 'node:fs';
import { systemClock, type Clock } from './clock';
import { AppError } from './errors';
import type { LogFields, Logger } from './logger';

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 } as const;
export type LogLevel = keyof typeof LEVELS;

export interface LogStream {
  write(line: string): unknown;
}

export interface JsonLogger extends Logger {
  /** Writes what is still held, before the process ends. */
  flush(): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Default: standard output, written in batches off the event loop. */
  readonly stream?: LogStream;
  readonly clock?: Clock;
}

const VALUE_CHARS_MAX = 200;
const ITEMS_MAX = 50;
const FRAMES_MAX = 12;
const CAUSES_MAX = 3;
const BEIJING_OFFSET_MS = 8 * 3600 * 1000;

/** Our and WeChat's numbers and names: not shortened, because people search for them. */
const IDS = new Set(
  (
    'out_trade_no out_refund_no out_bill_no combine_out_trade_no transaction_id refund_id ' +
    'transfer_bill_no mchid merchant no effect_id requestId wechat_request_id notification_id serial serial_no ' +
    'build version schema'
  ).split(' '),
);
/** Words out of fixed sets, counts, times, and text that is scrubbed. */
const ALLOWED = new Set([
  ...IDS,
  ...(
    'state from to trade_state refund_status trade_type status code error reason detail msg kind ' +
    'mode type event_type effect_type source proof method path route ms age_ms tries attempt count ' +
    'done left limit due alarm retryable durable store scheme host port signal node ' +
    'openid payer amount bill_date class compared resolved faults warnings scope role due_at ' +
    'sink serials remedy output stream journal_mode fsync at_commit rows days name'
  ).split(' '),
]);

const ID = /^[\x21-\x7e]{1,128}$/;
/** WeChat's openids: 28 characters, the first an o. */
const OPENID = /(?<![A-Za-z0-9_-])o[A-Za-z0-9_-]{27}(?![A-Za-z0-9_-])/g;
const OPENID_SHOWN = 6;
/** Keys, tokens, ciphertext: a long run without a break. Words of ours have breaks. */
const LONG_RUN = /[A-Za-z0-9+=]{32,}|[A-Za-z0-9+/=_-]{44,}/g;
const USER_INFO = /(:\/\/)[^/\s@]*@/g;
const PEM_BLOCK = /-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g;

function mask(text: string): string {
  return text.replace(OPENID, (openid) => `${openid.slice(0, OPENID_SHOWN)}…`);
}

function scrub(text: string): string {
  const bounded = text.slice(0, VALUE_CHARS_MAX * 4);
  const clean = bounded
    .replace(PEM_BLOCK, '[redacted]')
    .replace(USER_INFO, '$1[redacted]@')
    .replace(LONG_RUN, '[redacted]');
  return mask(clean).slice(0, VALUE_CHARS_MAX);
}

function textOf(name: string, text: string): string {
  if (name === 'openid' || name === 'payer') return `${text.slice(0, OPENID_SHOWN)}…`;
  if (IDS.has(name) && ID.test(text)) return text;
  // Route patterns and names of settings are long runs, too, but are ours.
  if (name === 'path' || name === 'route') return mask(text).slice(0, VALUE_CHARS_MAX);
  return scrub(text);
}

const FRAME =
  /^\s+at (?:async )?([\w$.<>[\] ]{1,80}? )?\(?[^()]*?([\w.-]{1,60}:\d{1,6}:\d{1,6})\)?$/;

/** Only function, file and line: no part of the message can get through, whatever its layout. */
function framesOf(stack: string): string[] {
  return stack
    .split('\n', 100)
    .flatMap((line) => {
      const [, name = '', place] = FRAME.exec(line) ?? [];
      return place === undefined ? [] : [`${name}${place}`];
    })
    .slice(0, FRAMES_MAX);
}

/** Messages of drivers and of the SDK quote what they were given; ours, by contract, do not. */
function errorOf(error: Error, depth = 1): Record<string, unknown> {
  const { code } = error as { readonly code?: unknown };
  const out: Record<string, unknown> = { name: scrub(error.name) };
  if (typeof code === 'string' || typeof code === 'number') out['code'] = scrub(String(code));
  if (error instanceof AppError && error.detail !== undefined) out['reason'] = scrub(error.detail);
  out['stack'] = framesOf(error.stack ?? '');
  if (error.cause instanceof Error && depth < CAUSES_MAX) {
    out['cause'] = errorOf(error.cause, depth + 1);
  }
  return out;
}

function valueOf(name: string, value: unknown): unknown {
  if (typeof value === 'string') return textOf(name, value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (!Array.isArray(value)) return undefined;
  const items = value.filter((item): item is string => typeof item === 'string');
  return items.slice(0, ITEMS_MAX).map((item) => textOf(name, item));
}

function lineOf(nowMs: number, level: LogLevel, fields: LogFields, event: string): string {
  const line: Record<string, unknown> = {
    ts: new Date(nowMs + BEIJING_OFFSET_MS).toISOString().replace('Z', '+08:00'),
    level,
    event: scrub(event),
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) line[name === 'err' ? 'err' : 'error'] = errorOf(value);
    else if (ALLOWED.has(name)) line[name] = valueOf(name, value);
  }
  return `${JSON.stringify(line)}\n`;
}

/** Above this the reader of our output has stopped reading: better to lose lines than the service. */
const HELD_CHARS_MAX = 1_000_000;
const RETRY_MS = 20;

/**
 * `process.stdout` writes to pipes and files synchronously: a slow reader would stop every payment.
 * Here one write is under way at a time, on the thread pool, and takes all lines gathered meanwhile.
 */
function descriptorSink(fd: number): LogStream & { flush(): void } {
  let held = '';
  let lost = 0;
  let busy = false;
  const take = (): string => {
    const count = String(lost);
    const text =
      lost === 0 ? held : `${held}{"level":"warn","event":"lines lost","count":${count}}\n`;
    held = '';
    lost = 0;
    return text;
  };
  const send = (bytes: Buffer): void => {
    busy = true;
    write(fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(send, RETRY_MS, bytes).unref();
      else if (error === null && written < bytes.length) send(bytes.subarray(written));
      else if (held !== '') send(Buffer.from(take()));
      else busy = false;
    });
  };
  const flush = (): void => {
    if (held === '') return;
    try {
      writeSync(fd, take());
    } catch {
      // The reader is gone: nobody is left to report to.
    }
  };
  process.once('exit', flush);
  return {
    write(line) {
      if (held.length > HELD_CHARS_MAX) {
        lost += 1;
        return;
      }
      held += line;
      if (!busy) send(Buffer.from(take()));
    },
    flush,
  };
}

export function createLogger(options: LoggerOptions): JsonLogger {
  const clock = options.clock ?? systemClock;
  const least = LEVELS[options.level];
  const sink = options.stream ?? descriptorSink(1);
  const at = (level: LogLevel) => (fields: LogFields, event: string) => {
    if (LEVELS[level] >= least) sink.write(lineOf(clock.now(), level, fields, event));
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => {
      if ('flush' in sink) (sink as { flush(): void }).flush();
    },
  };
}
