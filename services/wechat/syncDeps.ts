/** What every part that asks WeChat and lets a record learn from the answer has in common. */
import type { Dialect, From } from './dialect';
import type { CallLimits, WechatApi } from './wechatApi';
import type { Source } from '../ledger/record';
import type { OrderService } from '../orderService';
import type { ApiVersion, WechatReply } from '../strategies/strategy';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';

/** Who holds a number, from the reservations. */
export type OwnerOf = (
  kind: 'refund' | 'transaction' | 'transfer_bill',
  no: string,
) => Promise<string | undefined>;

/** What every part that asks WeChat and records the answer needs. */
export interface SyncDeps {
  readonly orders: OrderService;
  readonly api: WechatApi;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ownerOf: OwnerOf;
}

export interface SyncOptions {
  /** Default `query`. */
  readonly source?: Source;
  readonly limits?: CallLimits;
}

export interface Synced<R> {
  readonly reply: WechatReply;
  /** The record as it is after the answer; undefined when we hold none. */
  readonly record: R | undefined;
}

export interface LearnOptions<R> {
  /** What to do with a record we do not hold. */
  readonly absent: 'adopt' | 'ignore';
  readonly deadline?: number;
  readonly known?: R;
  /** The version in which a notification told it: none but that of the order is heard. */
  readonly api?: ApiVersion;
}

/** An answer of WeChat's to a question of ours. */
export const fromReply = (source: Source): From => ({ source, proof: 'signature' });
