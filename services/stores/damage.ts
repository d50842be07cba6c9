/**
 * Damaged rows. The service never acts on one: `find` refuses it, `due` and `list` leave it out, and
 * each process alarms it once. The row itself is not touched: an operator looks at it.
 */
import { StoreError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

/**
 * Why a row is not trusted. `client`: a field that only a client of the platform can have stamped. `unsealed`: a key is
 * set, and the row has no seal. `seal`: the seal is not ours, or the row was changed after it was sealed. `no_key`: the
 * row is sealed, and no key is set here. `unreadable`: no whole record.
 */
export type Damage = 'client' | 'unsealed' | 'seal' | 'no_key' | 'unreadable';

const WORDS: Readonly<Record<Damage, string>> = {
  client: 'was written by a client, not by this service',
  unsealed: 'has no seal',
  seal: 'has no valid seal',
  no_key: 'is sealed, and recordKey is not set',
  unreadable: 'is damaged',
};

export class DamagedError extends StoreError {
  constructor(
    readonly damage: Damage,
    what: string,
  ) {
    super(damage === 'unreadable' ? 'STORE_UNAVAILABLE' : 'RECORD_DAMAGED', {
      detail: `the stored row of ${what} ${WORDS[damage]}`,
    });
  }
}

/** What is reported of a damaged row: nothing that only its body says. */
export interface DamagedRow {
  readonly mchid: string;
  readonly kind: string;
  readonly no: string;
  readonly damage: Damage;
  /** As its column says; undefined where that is no moment. */
  readonly created_at?: number;
}

/** Beyond this many damaged rows some are alarmed again. */
const TOLD_MAX = 10_000;
/** Numbers of ours have 128 characters at most; a stranger may write anything, and a log line must stay short. */
const NAME_LENGTH_MAX = 128;

export const nameOf = (value: unknown): string =>
  (String(value).split('\0', 1)[0] ?? '').slice(0, NAME_LENGTH_MAX);

export type TellDamage = (
  row: { readonly mchid?: unknown; readonly kind?: unknown; readonly no?: unknown },
  error: StoreError,
) => void;

/** Opens a row that was asked for by its number: a damaged one is alarmed, too. */
export function openOrTell<Row extends Parameters<TellDamage>[0], T>(
  tell: TellDamage,
  row: Row,
  open: (row: Row) => T,
): T {
  try {
    return open(row);
  } catch (error) {
    if (error instanceof DamagedError) tell(row, error);
    throw error;
  }
}

/** Alarms each row once: the sweep comes by every few seconds. */
export function createDamageAlarm(logger: Logger): TellDamage {
  const told = new Set<string>();
  return (row, error) => {
    const mchid = nameOf(row.mchid);
    const kind = nameOf(row.kind);
    const no = nameOf(row.no);
    const key = `${mchid}:${kind}:${no}`;
    if (told.has(key)) return;
    if (told.size >= TOLD_MAX) told.clear();
    told.add(key);
    const { code } = error;
    const reason = error instanceof DamagedError ? error.damage : undefined;
    const event = code === 'RECORD_DAMAGED' ? 'record damaged' : 'record unreadable';
    logger.error(
      { alarm: true, mchid, kind, no, code, ...(reason === undefined ? {} : { reason }) },
      event,
    );
  };
}

/** The rows that `open` accepts, opened. A damaged row raises an alarm and is left out. */
export function intact<Row, T>(
  rows: readonly Row[],
  open: (row: Row) => T,
  onDamage: (row: Row, error: DamagedError) => void,
): readonly T[] {
  return rows.flatMap((row) => {
    try {
      return [open(row)];
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      onDamage(row, error);
      return [];
    }
  });
}
