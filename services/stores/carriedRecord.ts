/**
 * Rows of versions 1 and 2, which knew one merchant only, as rows of today. A record's merchant stands in its body. A
 * report named none: it gets the merchant of the environment, as reservations do.
 */
import type { StoredRecord } from '../ledger/record';
import { StoreError } from '../../utils/errors';
import { DamagedError } from './damage';
import type { Sealing } from './sealing';
import { columnsOf, isMchid, parseObject, type RecordColumns, type RecordKey } from './storeRules';

export interface CarryDeps {
  readonly sealing: Sealing;
  /** Of the environment. */
  readonly mchid: string | undefined;
}

export interface CarriedRecord {
  readonly mchid: string;
  readonly body: unknown;
  /** undefined: the row is damaged. It keeps its place, and every reader reports it. */
  readonly lanes: Pick<RecordColumns, 'deliver_at' | 'act_at' | 'ask_at'> | undefined;
}

export function ownMchid({ mchid }: CarryDeps): string {
  if (mchid !== undefined) return mchid;
  throw new StoreError('STORE_UNAVAILABLE', {
    detail: 'set merchantId: the tables of an earlier version are carried over to it',
  });
}

export function carriedRecord(
  key: Omit<RecordKey, 'mchid'>,
  body: unknown,
  deps: CarryDeps,
): CarriedRecord {
  const said = parseObject(body)?.['mchid'];
  const mchid = isMchid(said) ? said : ownMchid(deps);
  const text = named(key, body, { ...deps, mchid });
  return { mchid, body: text, lanes: lanesOf({ ...key, mchid }, text, deps.sealing) };
}

/** The body with its merchant, sealed again; a damaged body is left as it is. */
function named(
  key: Omit<RecordKey, 'mchid'>,
  body: unknown,
  { sealing, mchid }: CarryDeps,
): unknown {
  try {
    const record = parseObject(sealing.open(key, body));
    if (record === undefined) return body;
    return sealing.write({ ...record, mchid } as unknown as StoredRecord);
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    if (error.damage === 'no_key') throw keyMissing(error);
    // `migrate --seal` may come yet.
    const plain = error.damage === 'unsealed' ? parseObject(body) : undefined;
    return plain === undefined ? body : JSON.stringify({ ...plain, mchid });
  }
}

const keyMissing = (cause: DamagedError): StoreError =>
  new StoreError('STORE_UNAVAILABLE', {
    detail: 'set recordKey: sealed records of an earlier version are carried over with it',
    cause,
  });

function lanesOf(key: RecordKey, body: unknown, sealing: Sealing): CarriedRecord['lanes'] {
  try {
    const { deliver_at, act_at, ask_at } = columnsOf(sealing.read(key, body));
    return { deliver_at, act_at, ask_at };
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}
