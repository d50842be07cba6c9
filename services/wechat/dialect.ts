/**
 * How things are said to WeChat and read from its answers: paths, bodies and field names, for one merchant. How a
 * call is carried and proven is the strategy's part. A dialect is pure: it sends nothing and keeps nothing.
 *
 * A new way to speak to WeChat (service provider, API v2) is a new implementation of this interface.
 */
import type { CombinationFacts } from './readCombination';
import type { TransactionFacts } from './readFacts';
import type {
  CombinationRecord,
  OrderRecord,
  Product,
  Proof,
  Refund,
  Source,
  TransferRecord,
  WechatRequest,
} from '../ledger/record';
import type { RefundFacts } from '../ledger/refundSeen';
import type { TransferFacts } from '../ledger/transferState';
import type { NotificationWords } from '../strategies/labels';
import type { ApiVersion, WechatCall, WechatReply } from '../strategies/strategy';
import type { SubMerchant } from '../../config/types';
import type { Json } from '../../utils/json';

/** How a fact was proven and where it came from. */
export interface From {
  readonly source: Source;
  readonly proof: Proof;
}

/** Whose something is at WeChat, and in which version of its API it was made. A record is one. */
export interface AccountRef {
  readonly mchid: string;
  /** The shop of a service provider (服务商). */
  readonly sub_mchid?: string;
  /** Order, query and close of one order stay in one version; absent = v3. */
  readonly api?: ApiVersion;
  /** The app it was ordered for. */
  readonly appid?: string;
}

/** Whose refunds they are: one is asked about in the version in which it was sent. A record is one. */
export interface RefundRef extends AccountRef {
  readonly refunds?: readonly Pick<Refund, 'out_refund_no' | 'request'>[];
}

/** One of ours, and the app that the shop has for itself. */
export interface Account extends AccountRef {
  readonly sub_appid?: string;
}

/** What to ask about: an order, a combination or a transfer. A record is one. */
export interface OrderRef extends AccountRef {
  readonly no: string;
}

export type PlacedProduct = Exclude<Product, 'codepay'>;

/** Amounts in fen; `expires_at` in milliseconds since 1970. */
export interface OrderDraft {
  readonly no: string;
  readonly sub_mchid: string | undefined;
  readonly product: PlacedProduct;
  readonly appid: string;
  readonly description: string;
  readonly total: number;
  readonly attach: string | undefined;
  readonly openid: string | undefined;
  readonly expires_at: number;
  /** `scene_info` as WeChat gets it. */
  readonly scene: Json | undefined;
  /** The IP address of the caller, where a trusted proxy says it. */
  readonly address?: string | undefined;
  /** Further fields that go to WeChat as they are. */
  readonly extra: Json;
}

export interface ChargeDraft {
  readonly no: string;
  readonly sub_mchid: string | undefined;
  readonly appid: string;
  readonly total: number;
  /** Description, payment code, scene: as the till sent them. */
  readonly fields: Json;
}

export interface SubOrderDraft {
  readonly sub_mchid?: string;
  readonly out_trade_no: string;
  readonly description: string;
  readonly attach?: string;
  readonly amount: { readonly total_amount: number };
}

export interface CombinationDraft {
  readonly no: string;
  readonly product: PlacedProduct;
  readonly appid: string;
  readonly openid: string | undefined;
  readonly expires_at: number;
  readonly scene: Json | undefined;
  /** Their further fields go to WeChat as they are. */
  readonly sub_orders: readonly SubOrderDraft[];
}

export interface RefundDraft {
  readonly transaction_id: string | undefined;
  readonly out_refund_no: string;
  readonly refund: number;
  readonly total: number;
  readonly reason: string | undefined;
  readonly funds_account: string | undefined;
  readonly goods_detail: readonly Json[] | undefined;
}

/** `bank_account` and `real_name` are encrypted, with the key that `serial` names. */
export interface AbnormalDraft {
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly type: string;
  readonly bank_type: string | undefined;
  readonly bank_account: string | undefined;
  readonly real_name: string | undefined;
  readonly serial: string | undefined;
}

export interface TransferDraft {
  readonly no: string;
  readonly appid: string;
  readonly transfer_scene_id: string;
  readonly openid: string;
  readonly transfer_amount: number;
  readonly transfer_remark: string;
  readonly user_recv_perception: string | undefined;
  readonly transfer_scene_report_infos: readonly unknown[];
  /** Encrypted, with the key that `serial` names. */
  readonly user_name: string | undefined;
  readonly serial: string | undefined;
}

/** Requests that move money: made once, stored, repeated byte for byte. */
export interface DialectRequests {
  order(draft: OrderDraft): WechatRequest;
  /** A payment code's request, which is never stored. */
  charge(draft: ChargeDraft): WechatRequest;
  combination(draft: CombinationDraft): WechatRequest;
  refund(order: OrderRef, draft: RefundDraft): WechatRequest;
  abnormalRefund(order: OrderRef, draft: AbnormalDraft): WechatRequest;
  transfer(draft: TransferDraft): WechatRequest;
}

export interface DialectCalls {
  queryOrder(order: OrderRef): WechatCall;
  queryTransaction(account: AccountRef, transactionId: string): WechatCall;
  closeOrder(order: OrderRef): WechatCall;
  /** Of a payment code's order, with the money if it was paid. */
  reverseOrder(order: OrderRef & { readonly appid: string }): WechatCall;
  queryRefund(account: RefundRef, outRefundNo: string): WechatCall;
  queryCombination(combination: OrderRef): WechatCall;
  /** Names exactly all of its parts: WeChat refuses any other list. */
  closeCombination(
    combination: OrderRef & Pick<CombinationRecord, 'appid' | 'sub_orders'>,
  ): WechatCall;
  queryTransfer(transfer: OrderRef): WechatCall;
  queryTransferByNo(account: AccountRef, transferBillNo: string): WechatCall;
  cancelTransfer(transfer: OrderRef): WechatCall;
  bill(kind: BillKind, query: Readonly<Record<string, string>>): WechatCall;
}

/** The last is of one shop of a service provider, and encrypted. */
export type BillKind = 'tradebill' | 'fundflowbill' | 'sub-merchant-fundflowbill';

/** Each reads a proven object. @returns undefined for a shape that is not understood: never a guess. */
export interface DialectReaders {
  readTransaction(body: Json, from: From): TransactionFacts | undefined;
  /** A reply of refund or refund query, or a notification. */
  readRefund(body: Json): RefundFacts | undefined;
  /** A reply of create, query or cancel, or a notification. */
  readTransfer(body: Json): TransferFacts | undefined;
  readCombination(body: Json, from: From): CombinationFacts | undefined;
  /** Of an order or a combination, paid or not. */
  readPayer(body: Json): PayerFacts;
}

/** Who pays, and to whom: an openid means somebody only together with its appid. */
export interface PayerFacts {
  readonly appid: string | undefined;
  readonly openid: string | undefined;
  readonly sub_mchid?: string | undefined;
  /** Of a combination. */
  readonly sub_orders?: readonly { readonly sub_mchid?: string | undefined }[];
}

export type Pair = readonly [field: string, sent: unknown, ours: unknown];

/** Stands for `ours` where nothing that is sent would be right. */
export const NOTHING = Symbol('nothing');

/** What to compare of a stored request, and which further fields it may have. */
export interface Expected {
  /** undefined: there is no such request. */
  readonly path: string | undefined;
  readonly pairs: readonly Pair[];
  readonly further: readonly string[];
}

/** What a stored request must be to fit its record. `body` is the stored one, parsed. */
export interface DialectExpectations {
  order(record: OrderRecord, body: Json): Expected;
  combination(record: CombinationRecord, body: Json): Expected;
  /** `record` may be the part of a combination seen as an order. */
  refund(record: OrderRecord, outRefundNo: string, body: Json): Expected;
  abnormalRefund(record: OrderRecord, held: Refund | undefined, body: Json): Expected;
  transfer(record: TransferRecord, body: Json): Expected;
}

type VersionCalls = Pick<
  DialectCalls,
  'queryOrder' | 'queryTransaction' | 'closeOrder' | 'reverseOrder' | 'queryRefund' | 'bill'
>;

/** What every version of the API can say of orders and refunds. */
export interface VersionDialect extends VersionCalls, DialectReaders {
  readonly requests: Pick<DialectRequests, 'order' | 'charge' | 'refund'>;
  readonly expected: Pick<DialectExpectations, 'order' | 'refund'>;
  /** A reply as API v3 would have given it: in its words, with its status. */
  hear(call: WechatCall, reply: WechatReply): WechatReply;
}

/** What API v3 says besides, and of API v2 nothing. */
export type V3Dialect = Omit<Dialect, 'hear' | 'readXmlNotice'>;

export interface Dialect extends DialectCalls, DialectReaders, NotificationWords {
  /** Our own account: for numbers of which we hold no record. */
  readonly account: AccountRef;
  /** All that a number may be of: one for each shop of a service provider. Never empty. */
  readonly accounts: readonly Account[];
  readonly requests: DialectRequests;
  readonly expected: DialectExpectations;
  hear(call: WechatCall, reply: WechatReply): WechatReply;
}

/** Whose account it is, and where WeChat sends notifications. */
export interface DialectSettings {
  readonly mchid: string;
  /** The first is sent where an order opens in an app that is not ours. */
  readonly appids: readonly string[];
  readonly payNotifyUrl: string;
  readonly refundNotifyUrl: string;
  readonly transferNotifyUrl: string | undefined;
  /** Our own address, where an order has to name one and the caller's is not known. */
  readonly ownAddress?: string;
}

/** Whose account it is to a service provider, and its shops. */
export interface PartnerSettings extends DialectSettings {
  readonly subMerchants: readonly SubMerchant[];
}

/** A number of which we hold no record, under our own account: of a combination or a transfer. */
export const ownRef = ({ account }: Pick<Dialect, 'account'>, no: string): OrderRef =>
  Object.assign({ no }, account);

/** The version in which a new order is made: it is recorded with it. */
export const versionOf = ({ account }: Pick<Dialect, 'account'>): { readonly api: ApiVersion } => ({
  api: account.api ?? 'v3',
});
