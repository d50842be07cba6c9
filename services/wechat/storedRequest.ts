/**
 * The last look at a request before it is signed. What is stored may have been written by somebody else, or under other
 * settings: so method and path must be those of its kind, and number, amount and accounts those of the record and of this
 * merchant. What differs is not sent. The notify URL may be an older one of ours: a refund must not get stuck when the
 * setting changes, and what WeChat sends there can be read with the APIv3 key alone. Only this file makes a
 * `CheckedRequest`, and only that can be sent.
 */
import type { AlarmCode } from '../ledger/reasons';
import type { DialectExpectations, Expected } from './dialect';
import { asObject } from './readFacts';
import { heldRefund } from '../ledger/refundMoney';
import type {
  CombinationRecord,
  OrderRecord,
  StoredRecord,
  TransferRecord,
  WechatRequest,
} from '../ledger/record';
import { AppError, ConflictError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import type { Json } from '../../utils/json';

declare const checked: unique symbol;
export type CheckedRequest = WechatRequest & { readonly [checked]: true };

/** Each throws ConflictError REQUEST_REFUSED, and alarms once, where something differs. */
export interface RequestGuard {
  /** The stored request of an order or a combination. */
  prepay(record: OrderRecord | CombinationRecord): CheckedRequest;
  /** A payment code's request, which is never stored. */
  charge(record: OrderRecord, request: WechatRequest): CheckedRequest;
  /** `record` may be the part of a combination seen as an order. */
  refund(record: OrderRecord, outRefundNo: string): CheckedRequest;
  /** An abnormal refund (异常退款), which sends a refund's money to an account. */
  abnormal(record: OrderRecord, outRefundNo: string): CheckedRequest;
  transfer(record: TransferRecord): CheckedRequest;
  /** Refuses for a reason that only the caller can know. */
  refuse(record: StoredRecord, field: string): never;
}

/** Beyond this many some are alarmed again. */
const TOLD_MAX = 10_000;

export const isRequestRefused = (error: unknown): error is AppError =>
  error instanceof AppError && error.code === 'REQUEST_REFUSED';

export interface RequestGuardDeps {
  readonly dialect: { readonly expected: DialectExpectations };
  readonly logger: Logger;
  /** In fen. */
  readonly transferMaxFen: number;
}

export function createRequestGuard({
  dialect: { expected },
  logger,
  transferMaxFen,
}: RequestGuardDeps): RequestGuard {
  const told = new Set<string>();

  function refuse({ kind, no }: StoredRecord, field: string): never {
    const key = `${kind} ${no} ${field}`;
    if (!told.has(key)) {
      if (told.size >= TOLD_MAX) told.clear();
      told.add(key);
      const code: AlarmCode = 'request.refused';
      logger.error({ alarm: true, code, kind, no, reason: field }, 'stored request refused');
    }
    throw new ConflictError('REQUEST_REFUSED', { detail: field });
  }

  function check(
    record: StoredRecord,
    request: WechatRequest | undefined,
    expect: (body: Json) => Expected,
  ): CheckedRequest {
    const body = request === undefined ? undefined : bodyOf(request.body);
    if (request === undefined || body === undefined) return refuse(record, 'body');
    const field = differing(request, body, expect(body));
    return field === undefined ? (request as CheckedRequest) : refuse(record, field);
  }

  return {
    refuse,
    prepay: (record) =>
      check(record, record.request, (body) =>
        record.kind === 'order' ? expected.order(record, body) : expected.combination(record, body),
      ),
    charge: (record, request) => check(record, request, (body) => expected.order(record, body)),
    refund: (record, no) =>
      check(record, heldRefund(record, no)?.request, (body) => expected.refund(record, no, body)),
    abnormal(record, no) {
      const held = heldRefund(record, no);
      return check(record, held?.abnormal?.request, (body) =>
        expected.abnormalRefund(record, held, body),
      );
    },
    transfer(record) {
      const request = check(record, record.request, (body) => expected.transfer(record, body));
      return record.transfer_amount <= transferMaxFen ? request : refuse(record, 'transferMaxFen');
    },
  };
}

/** As we write it: a name that stands there twice would be read one way here and another way by WeChat. */
function bodyOf(text: string): Json | undefined {
  try {
    const body = asObject(JSON.parse(text));
    return body !== undefined && JSON.stringify(body) === text ? body : undefined;
  } catch {
    return undefined; // the caller says so
  }
}

/** The first thing that is not as it must be. */
function differing(
  request: WechatRequest,
  body: Json,
  { path, pairs, further }: Expected,
): string | undefined {
  // A row that was written by somebody else may hold any text.
  if ((request.method as string) !== 'POST') return 'method';
  if (request.path !== path) return 'path';
  const known = new Set([
    ...pairs.flatMap(([field]) => [field, field.split('.', 1)[0]]),
    ...further,
  ]);
  const unknown = namesOf(body, further).find((name) => !known.has(name));
  if (unknown !== undefined) return unknown;
  return pairs.find(([, sent, ours]) => sent !== ours)?.[0];
}

/** Names of the fields, and of those inside them, but for what may hold anything. */
function namesOf(body: Json, further: readonly string[]): readonly string[] {
  return Object.entries(body).flatMap(([name, value]) => {
    const inner = further.includes(name) ? undefined : asObject(value);
    return inner === undefined ? [name] : Object.keys(inner).map((one) => `${name}.${one}`);
  });
}
