/**
 * Seals what a database holds already, by an operator's own decision: records without a seal, and those that an older key
 * sealed. What has a wrong seal, or was written by a client, is never sealed.
 */
import { stepped } from '../ledger/decision';
import type { StoredRecord } from '../ledger/record';
import { DamagedError } from '../stores/damage';
import type { OrderStore, Page } from '../stores/orderStore';
import type { Clock } from '../../utils/clock';

export interface SealDeps {
  /** The same database through another set of keys; [] = what is not sealed. */
  readonly open: (keys: readonly string[]) => Promise<OrderStore>;
  readonly keys: readonly string[];
  /** true: only counts. */
  readonly dryRun: boolean;
  readonly clock: Clock;
}

export interface SealCounts {
  readonly sealed: number;
  readonly resealed: number;
  /** Not believed, and left as they are. */
  readonly damaged: number;
}

const PAGE = 500;
/** A record that others keep changing is sealed by whoever changes it. */
const TRIES_MAX = 5;

export async function sealAll(deps: SealDeps): Promise<SealCounts> {
  const { open, keys, dryRun } = deps;
  const target = await open(keys);
  try {
    const sealed = await sealFrom(deps, [], target);
    let resealed = 0;
    for (const older of keys.slice(1)) resealed += await sealFrom(deps, [older], target);
    // What a dry run leaves unsealed is no damage yet.
    const damaged = (await countDamaged(target)) - (dryRun ? sealed : 0);
    return { sealed, resealed, damaged };
  } finally {
    await target.close();
  }
}

/** Everything that a store lists, newest first. */
async function* all<T>(
  list: (page: { readonly limit: number; readonly after?: string }) => Promise<Page<T>>,
): AsyncGenerator<T> {
  for (let after: string | undefined; ;) {
    const page = await list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    if (page.next === undefined) return;
    after = page.next;
  }
}

async function sealFrom(
  { open, dryRun, clock }: SealDeps,
  keys: readonly string[],
  target: OrderStore,
): Promise<number> {
  const source = await open(keys);
  let count = 0;
  try {
    for await (const record of all((page) => source.list(page))) {
      if (dryRun || (await sealOne(record, { source, target, at: clock.now() }))) count += 1;
    }
    return count;
  } finally {
    await source.close();
  }
}

async function sealOne(
  listed: StoredRecord,
  { source, target, at }: { source: OrderStore; target: OrderStore; at: number },
): Promise<boolean> {
  let record: StoredRecord | undefined = listed;
  for (let tries = 0; tries < TRIES_MAX && record !== undefined; tries += 1) {
    // The history tells since when the record is vouched for.
    const next = stepped(record, { at, what: 'sealed', source: 'operator', proof: 'none' });
    if ((await target.replace(next, record.version)) === 'replaced') return true;
    record = await again(source, record);
  }
  return false;
}

/** undefined: sealed meanwhile by a service that runs beside us. */
async function again(
  store: OrderStore,
  { kind, no }: StoredRecord,
): Promise<StoredRecord | undefined> {
  try {
    return await store.find(kind, no);
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

async function countDamaged(store: OrderStore): Promise<number> {
  let count = 0;
  for await (const _row of all((page) => store.damaged(page))) count += 1;
  return count;
}
