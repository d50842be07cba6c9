/** Which errors a route may answer: for the document, which every answer in the tests is checked against. */
import type { Access } from './access';
import type { RouteSpec } from './route';
import type { ErrorCode } from '../utils/errors';

/** Whatever is asked of the process: its settings, its end, its load. */
export const ANY_REQUEST: readonly ErrorCode[] = [
  'MISSING_CREDENTIALS',
  'CONFIG_INVALID',
  'OVERLOADED',
  'SHUTTING_DOWN',
  'ROUTE_NOT_FOUND',
  'INVARIANT_BROKEN',
];

export const CALLER: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'IDENTITY_UNAVAILABLE',
  'FORBIDDEN',
  'RATE_LIMITED',
];

export const BODY: readonly ErrorCode[] = [
  'BODY_INVALID',
  'BODY_TOO_LARGE',
  'CONTENT_TYPE_UNSUPPORTED',
];

export const STORE: readonly ErrorCode[] = [
  'STORE_UNAVAILABLE',
  'STORE_CONTENTION',
  'STORE_NEWER',
  'RECORD_DAMAGED',
];

const WECHAT: readonly ErrorCode[] = [
  'WECHATPAY_REJECTED',
  'WECHATPAY_UNAVAILABLE',
  'WECHATPAY_UNPROVEN',
  'WECHATPAY_TIMEOUT',
  'KEYS_UNAVAILABLE',
];

const PLACING: readonly ErrorCode[] = [
  ...WECHAT,
  'REQUEST_REFUSED',
  'ORDER_PARAMS_DIFFER',
  'ORDER_PAID',
  'ORDER_CLOSED',
  'ORDER_TAKEN',
  'ORDER_NOT_PREPARED',
  'ORDER_BUSY',
  'MOVE_FORBIDDEN',
];
const ORDER_QUERY: readonly ErrorCode[] = [...WECHAT, 'ORDER_NOT_FOUND'];
const ORDER_CHANGE: readonly ErrorCode[] = [
  ...ORDER_QUERY,
  'ORDER_PAID',
  'ORDER_BUSY',
  'MOVE_FORBIDDEN',
];
const REFUND: readonly ErrorCode[] = [
  ...WECHAT,
  'REQUEST_REFUSED',
  'ORDER_NOT_FOUND',
  'ORDER_NOT_PAID',
  'ORDER_BUSY',
  'REFUND_NOT_FOUND',
  'REFUND_PARAMS_DIFFER',
  'REFUND_EXCEEDS',
  'REFUND_NUMBER_TAKEN',
  'REFUND_CLOSED',
  'MOVE_FORBIDDEN',
];
const TRANSFER_QUERY: readonly ErrorCode[] = [...WECHAT, 'TRANSFER_NOT_FOUND'];

const OF_ROUTE: Readonly<Record<string, readonly ErrorCode[]>> = {
  wxpay_order: PLACING,
  wxpay_order_h5: PLACING,
  wxpay_order_native: PLACING,
  wxpay_order_app: PLACING,
  wxpay_order_combine: PLACING,
  wxpay_order_codepay: PLACING,
  wxpay_combine_query: ORDER_QUERY,
  wxpay_combine_close: ORDER_CHANGE,
  wxpay_reverse: ORDER_CHANGE,
  wxpay_prepare_order: [
    ...WECHAT,
    'ORDER_PARAMS_DIFFER',
    'ORDER_PAID',
    'ORDER_CLOSED',
    'ORDER_TAKEN',
    'ORDER_BUSY',
    'MOVE_FORBIDDEN',
  ],
  wxpay_query_order_by_out_trade_no: ORDER_QUERY,
  wxpay_query_order_by_transaction_id: ORDER_QUERY,
  wxpay_close_order: ORDER_CHANGE,
  wxpay_refund: REFUND,
  wxpay_refund_abnormal: REFUND,
  wxpay_refund_query: [...WECHAT, 'REFUND_NOT_FOUND'],
  wxpay_transfer: [
    ...WECHAT,
    'REQUEST_REFUSED',
    'TRANSFER_PARAMS_DIFFER',
    'TRANSFER_LIMIT',
    'MOVE_FORBIDDEN',
  ],
  wxpay_transfer_cancel: [...TRANSFER_QUERY, 'MOVE_FORBIDDEN'],
  wxpay_transfer_bill_query: TRANSFER_QUERY,
  wxpay_transfer_batch_query: TRANSFER_QUERY,
  wxpay_transfer_bill_query_by_no: TRANSFER_QUERY,
  wxpay_bill: [...WECHAT, 'BILL_UNREADABLE'],
  wxpay_reconcile: [...WECHAT, 'BILL_UNREADABLE'],
  wxpay_record: ['RECORD_NOT_FOUND'],
  wxpay_redeliver: ['RECORD_NOT_FOUND', 'MOVE_FORBIDDEN'],
  'records/:kind/:no': ['RECORD_NOT_FOUND'],
  'records/:kind/:no/redeliver': ['RECORD_NOT_FOUND', 'MOVE_FORBIDDEN'],
};

const OPERATORS: ReadonlySet<Access> = new Set<Access>([
  'operator',
  'operatorReads',
  'operatorKey',
  'sweep',
]);

export const routeErrors = ({ name, method, access, needs }: RouteSpec): readonly ErrorCode[] => [
  'PARAM_INVALID',
  // Of a path, too, whose escapes cannot be read.
  ...(method === 'POST' ? BODY : (['BODY_INVALID'] as const)),
  ...CALLER,
  ...(OPERATORS.has(access) ? (['OPERATOR_DISABLED'] as const) : []),
  ...(OF_ROUTE[name] ?? []),
  ...(needs === undefined ? [] : (['NOT_IN_V2'] as const)),
  ...STORE,
  ...ANY_REQUEST,
];
