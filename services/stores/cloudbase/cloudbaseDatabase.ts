/** CloudBase's document database as far as the store uses it: its SDK, and what is asked in its words. */
import { SCHEMA_VERSION } from '../../ledger/record';
import type { DuePage } from '../dueReader';
import type { RecordFilter } from '../orderStore';
import { LANE_COLUMN, readCursor } from '../storeRules';
import type { Clock } from '../../../utils/clock';
import { ConfigError } from '../../../utils/errors';
import type { Logger } from '../../../utils/logger';

export interface CloudbaseOptions {
  readonly env: string | undefined;
  /** CLOUDBASE_APIKEY. */
  readonly apiKey: string | undefined;
  readonly serviceUrl?: string | undefined;
  /** The first seals, any opens. */
  readonly recordKeys?: readonly string[] | undefined;
  /** The merchant of the environment: records of an earlier version without a merchant belong to it. */
  readonly mchid?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds for one request. */
  readonly timeoutMs?: number;
}

export const TIMEOUT_MS = 10_000;

export type Doc = Readonly<Record<string, unknown>>;

/** The part of the SDK in use; its own types say `any` for nearly all of it. */
interface Condition {
  and(other: Condition): Condition;
}
type Comparison = (value: string | number) => Condition;
export interface Query {
  where(query: object): Query;
  options(options: { readonly multiple: boolean }): Query;
  orderBy(field: string, direction: 'asc' | 'desc'): Query;
  limit(limit: number): Query;
  get(): Promise<{ readonly data: readonly Doc[] }>;
  update(data: object): Promise<{ readonly updated: number }>;
  count(): Promise<{ readonly total: number }>;
  add(data: object): Promise<unknown>;
  remove(): Promise<unknown>;
}
export interface Database {
  readonly command: {
    readonly and: (conditions: readonly object[]) => object;
    readonly or: (conditions: readonly object[]) => object;
    readonly in: (values: readonly string[]) => Condition;
    readonly gt: Comparison;
    readonly gte: Comparison;
    readonly lt: Comparison;
    readonly lte: Comparison;
  };
  collection(name: string): Query;
  createCollection(name: string): Promise<unknown>;
}

/** @throws ConfigError: without explicit credentials the SDK would end the process (platform notes 3.2). */
export async function connect(options: CloudbaseOptions): Promise<Database> {
  const { env, apiKey, serviceUrl, timeoutMs = TIMEOUT_MS } = options;
  if (env === undefined || env === '' || apiKey === undefined || apiKey === '') {
    throw new ConfigError('CONFIG_INVALID', [
      'databaseUrl cloudbase: needs cloudbaseEnv (or TCB_ENV) and CLOUDBASE_APIKEY',
    ]);
  }
  const { init } = (await import('@cloudbase/node-sdk')).default;
  const app = init({
    env,
    accessKey: apiKey,
    timeout: timeoutMs,
    // A repeat by the SDK would look like somebody else's write; we repeat with the token in hand.
    retries: 0,
    ...(serviceUrl === undefined ? {} : { serviceUrl }),
  });
  return app.database() as unknown as Database;
}

export function dueConditions(
  { and, or, gt, lte }: Database['command'],
  { mchid, lane, now, after }: DuePage,
): object {
  const column = LANE_COLUMN[lane];
  const due = { mchid, [column]: gt(-1).and(lte(now)), min_reader: lte(SCHEMA_VERSION) };
  if (after === undefined) return due;
  const [at, kind, no] = after;
  const beyond = [
    { [column]: gt(at) },
    { [column]: at, kind: gt(kind) },
    { [column]: at, kind, no: gt(no) },
  ];
  return and([due, or(beyond)]);
}

export function listConditions(command: Database['command'], filter: RecordFilter): object {
  const { and, or, gt, gte, lt } = command;
  const { mchid, kind, state, payer, created_from, created_to, success_from, success_to } = filter;
  const conditions: object[] = [{ created_at: gt(-1) }];
  if (mchid !== undefined) conditions.push({ mchid });
  if (kind !== undefined) conditions.push({ kind });
  if (state !== undefined) conditions.push({ state });
  if (payer !== undefined) conditions.push({ payer });
  if (created_from !== undefined) conditions.push({ created_at: gte(created_from) });
  if (created_to !== undefined) conditions.push({ created_at: lt(created_to) });
  if (success_from !== undefined) conditions.push({ success_at: gte(success_from) });
  // `gt`, too: null must not count as a time before the end.
  if (success_to !== undefined) conditions.push({ success_at: gt(-1).and(lt(success_to)) });
  if (filter.after !== undefined) {
    const [at, afterMchid = '', afterKind = '', no = ''] = readCursor(filter.after, 3);
    const place = { mchid: afterMchid, created_at: at };
    conditions.push(
      or([
        { mchid: lt(afterMchid) },
        { mchid: afterMchid, created_at: lt(at) },
        { ...place, kind: lt(afterKind) },
        { ...place, kind: afterKind, no: lt(no) },
      ]),
    );
  }
  return and(conditions);
}
