/** What is remembered of a transfer (商家转账). */
import type { RecordBase, WechatRequest } from './record';

export type TransferState =
  | 'CREATED'
  | 'ACCEPTED'
  | 'PROCESSING'
  | 'WAIT_USER_CONFIRM'
  | 'TRANSFERING'
  | 'SUCCESS'
  | 'FAIL'
  | 'CANCELING'
  | 'CANCELLED';

export const TRANSFER_STATES: readonly TransferState[] = [
  'CREATED',
  'ACCEPTED',
  'PROCESSING',
  'WAIT_USER_CONFIRM',
  'TRANSFERING',
  'SUCCESS',
  'FAIL',
  'CANCELING',
  'CANCELLED',
];

export interface TransferRecord extends RecordBase {
  readonly kind: 'transfer';
  readonly state: TransferState;
  readonly appid: string;
  readonly transfer_amount: number;
  readonly transfer_scene_id?: string;
  readonly transfer_remark?: string;
  readonly facts_hash: string;
  readonly request?: WechatRequest;
  readonly attempts: number;
  readonly last_attempt_at?: number;
  /** Until then one attempt is under way, and nobody else sends it. */
  readonly asking_until?: number;
  readonly transfer_bill_no?: string;
  readonly package_info?: string;
  readonly fail_reason?: string;
  readonly update_time?: string;
  readonly success_time?: string;
  readonly last_hint_at?: number;
  readonly wechat?: Readonly<Record<string, unknown>>;
}
