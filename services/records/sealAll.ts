/**
 * Seals what a database holds already, by an operator's own decision: records without a seal, and those that an older key
 * sealed. What has a wrong seal, or was written by a client, is never sealed.
 */
import { nextVersion, type Decision } from '../ledger/decision';
import type { StoredRecord } from '../ledger/record';
import { createRecordWriter, type RecordWriter } from './recordWriter';
import { DamagedError } from '../stores/damage';
import type { OrderStore, Page, RecordStore } from '../stores/orderStore';
import { merchantStore } from '../merchants/merchantStore';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';

export interface SealDeps {
  /** The same database through another set of keys; [] = what is not sealed. */
  readonly open: (keys: readonly string[]) => Promise<RecordStore>;
  readonly keys: readonly string[];
  /** true: only counts. */
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SealCounts {
  readonly sealed: number;
  readonly resealed: number;
  /** Damaged, and left as they are. */
  readonly damaged: number;
}

const PAGE = 500;

export async function sealAll(deps: SealDeps): Promise<SealCounts> {
  const { open, keys, dryRun } = deps;
  const target = await open(keys);
  try {
    const sealed = await sealFrom(deps, [], target);
    let resealed = 0;
    for (const older of keys.slice(1)) resealed += await sealFrom(deps, [older], target);
    // A record that a dry run leaves unsealed is not damaged yet.
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
  { open, dryRun, clock, logger }: SealDeps,
  keys: readonly string[],
  target: RecordStore,
): Promise<number> {
  const source = await open(keys);
  let count = 0;
  try {
    for await (const known of all((page) => source.list(page))) {
      const store = {
        ...merchantStore(target, known.mchid),
        find: readsOf(merchantStore(source, known.mchid)),
      };
      const writer = createRecordWriter({ store, clock, logger });
      if (dryRun || (await sealOne(writer, known, clock.now()))) count += 1;
    }
    return count;
  } finally {
    await source.close();
  }
}

async function sealOne(writer: RecordWriter, known: StoredRecord, at: number): Promise<boolean> {
  // The history tells since when the record is vouched for.
  const line = { at, what: 'sealed', source: 'operator', proof: 'none' } as const;
  const seal = (record: StoredRecord): Decision<StoredRecord> => ({
    kind: 'next',
    record: nextVersion(record, line),
  });
  return (await writer.change(known, seal, { known })).outcome === 'applied';
}

/** What a service that runs beside us has sealed meanwhile is not there any more. */
const readsOf =
  (source: OrderStore): OrderStore['find'] =>
  async (kind, no) => {
    try {
      return await source.find(kind, no);
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  };

async function countDamaged(store: RecordStore): Promise<number> {
  let count = 0;
  for await (const _row of all((page) => store.damaged(page))) count += 1;
  return count;
}
