import type { Switches } from './switches';

export type Scheme = 'publicKey' | 'certificate' | 'both';
export type CallbackMode = 'direct' | 'gateway';
export type NotificationKind = 'payment' | 'refund' | 'transfer' | 'echo';
export type Plain = Record<string, unknown>;

/** How Integration Center forwards: with WeChat's ciphertext in `rawData`, or plaintext alone. */
export interface GatewayOptions {
  ciphertext: boolean;
  /** A path on the callback target (default `/`), a URL, or `callback`: the callback's path. */
  target?: string;
}

/** A shop of a service provider (服务商). */
export interface SubMerchantOptions {
  sub_mchid: string;
  /** The app that is configured for it. */
  sub_appid?: string;
  /** false: it has not authorised the provider, or no longer. */
  related?: boolean;
}

/** A further merchant beside the one of the options. */
export interface MerchantOptions {
  mchid: string;
  appid?: string;
  service_app_id?: string;
  /** Makes it a service provider: it then orders by the partner paths alone. */
  subMerchants?: readonly SubMerchantOptions[];
}

export interface SimulatorOptions {
  port?: number;
  host?: string;
  seed?: number;
  /** Where the clock starts, Unix milliseconds; default: real time. */
  nowMs?: number;
  /** The clock stands still until it is moved. */
  frozen?: boolean;
  mchid?: string;
  appid?: string;
  service_app_id?: string;
  subMerchants?: readonly SubMerchantOptions[];
  /** Each has its own keys, orders, bills and notifications; the signature of a request says whose it is. */
  merchants?: readonly MerchantOptions[];
  scheme?: Scheme;
  switches?: Partial<Switches>;
  autoDeliver?: boolean;
  mode?: CallbackMode;
  gateway?: GatewayOptions;
  /** Origin that stands in for the one of notify_url, e.g. `http://127.0.0.1:3000`. */
  callbackTarget?: string;
}

export interface Credentials {
  readonly merchantId: string;
  readonly appId: string;
  readonly service_app_id: string;
  readonly apiV3Key: string;
  readonly apiKeyV2: string;
  readonly merchantSerialNumber: string;
  readonly privateKey: string;
  readonly merchantPublicKey: string;
  readonly wxPayPublicKey: string;
  readonly wxPayPublicKeyId: string;
  readonly platformCertificates: { serial: string; pem: string }[];
}

export type FaultKind =
  | 'latency'
  | 'drop_before'
  | 'drop_after'
  | 'status'
  | 'status_after'
  | 'bad_signature'
  | 'no_signature'
  /** API v2: rightly signed, but by the other of the two ways. */
  | 'other_sign_type'
  | 'unknown_serial'
  | 'stale_timestamp'
  | 'probe'
  | 'truncate'
  | 'html'
  | 'hang';

export interface Fault {
  /** `POST /v3/pay/transactions/jsapi`; `{name}` is one segment, a final `*` the rest. */
  route: RegExp | string;
  kind: FaultKind;
  ms?: number;
  status?: number;
  body?: unknown;
  times?: number;
  probability?: number;
}

export type CallbackFaultKind =
  | 'drop'
  | 'duplicate'
  | 'delay'
  | 'reorder'
  | 'bad_signature'
  | 'probe'
  | 'unknown_serial'
  | 'stale_timestamp'
  | 'truncate'
  | 'no_headers';

export interface CallbackFault {
  /** A kind (`payment`), an event type, `POST /path`, or a pattern over `POST /path`. */
  route: RegExp | string;
  kind: CallbackFaultKind;
  ms?: number;
  times?: number;
  probability?: number;
}

export interface FaultList<F> {
  add(fault: F): void;
  clear(): void;
}

export interface ObservedRequest {
  atMs: number;
  method: string;
  path: string;
  body: string;
  headers: Record<string, string>;
  /** `valid`, or the reason of refusal. */
  signature: string;
  /** 0 when the connection was broken instead of answered. */
  status: number;
  requestId: string;
  idempotentReplay: boolean;
}

export interface SentCallback {
  atMs: number;
  id: string;
  kind: NotificationKind;
  no: string;
  event_type: string;
  url: string;
  attempt: number;
  mode: CallbackMode;
  /** 0 when there was no answer. */
  statusAnswered: number;
  bodyAnswered: string;
  ok: boolean;
  error?: string;
  body: string;
  headers: Record<string, string>;
}

export interface Message {
  body: string;
  headers: Record<string, string>;
}

export interface PayOptions {
  openid?: string;
  deliver?: 'auto' | 'never';
  atMs?: number;
  payer_total?: number;
  bank_type?: string;
  /** Paid another way than it was ordered, as by a face scan (`FACEPAY`), which no route here orders. */
  trade_type?: string;
}

export interface DeliverOptions {
  times?: number;
  mode?: CallbackMode;
  tamper?: (body: string, headers: Record<string, string>) => Message | undefined;
  url?: string;
  ciphertext?: boolean;
}

export interface NotificationOverrides {
  id?: string;
  event_type?: string;
  original_type?: string;
  associated_data?: string;
  summary?: string;
  serial?: string;
  timestamp?: string | number;
  nonce?: string;
  signature?: string;
}

export interface ForwardOverrides extends NotificationOverrides {
  /** `rawData` carries WeChat's body with its ciphertext; otherwise only its labels. */
  ciphertext?: boolean;
  rawDataAsString?: boolean;
}

export interface XmlOverrides {
  type?: 'MD5' | 'HMAC-SHA256';
  over?: Record<string, string>;
}

export interface ClockHandle {
  now(): number;
  advance(ms: number): Promise<void>;
  set(ms: number): Promise<void>;
}

export interface Bills {
  ALL: string;
  SUCCESS: string;
  REFUND: string;
  fundflow: string;
}

export interface Simulator {
  readonly url: string;
  readonly credentials: Credentials;
  readonly clock: ClockHandle;
  readonly switches: Switches;
  readonly faults: FaultList<Fault>;
  readonly callbackFaults: FaultList<CallbackFault>;
  readonly requests: ObservedRequest[];
  readonly callbacks: SentCallback[];
  /** May be set later: the service's port is often known only after the simulator runs. */
  callbackTarget: string | undefined;
  mode: CallbackMode;
  gateway: GatewayOptions;
  autoDeliver: boolean;
  env(extra?: Record<string, string>): Record<string, string>;
  /** The same for `signMode=v2`, without anything of API v3. */
  envV2(extra?: Record<string, string>): Record<string, string>;
  pay(no: string, o?: PayOptions): Plain;
  order(no: string): Plain | undefined;
  refund(no: string): Plain | undefined;
  transfer(no: string): Plain | undefined;
  combination(no: string): Plain | undefined;
  orders(): Plain[];
  refunds(): Plain[];
  transfers(): Plain[];
  settleRefund(no: string, status: 'SUCCESS' | 'CLOSED' | 'ABNORMAL', o?: SettleOptions): Plain;
  confirmTransfer(no: string): Plain;
  failTransfer(no: string, fail_reason: string): Plain;
  deliver(kind: NotificationKind, no: string, o?: DeliverOptions): Promise<SentCallback[]>;
  makeNotification(kind: NotificationKind, plain: Plain, o?: NotificationOverrides): Message;
  /** A payment notice of API v2; `over` replaces fields before it is signed. */
  makeXmlPayment(no: string, o?: XmlOverrides): Message;
  /** A refund notice of API v2; `inner` replaces fields inside its ciphertext, `over` those around it. */
  makeXmlRefund(
    out_refund_no: string,
    o?: { inner?: Record<string, string>; over?: Record<string, string> },
  ): Message;
  makeForward(kind: NotificationKind, plain: Plain, o?: ForwardOverrides): { body: string };
  /** Makes `openid` belong to `appid`: with another appid it is refused. */
  registerOpenid(openid: string, appid: string): void;
  /** A new platform certificate; it signs at once, unless `signWith: 'old'`. */
  rotateCertificate(o?: { signWith?: 'old' | 'new' }): { serial: string; pem: string };
  bill(date: string): Bills;
  /** The same, for another merchant. Clock, switches, faults and observed requests are shared. */
  merchant(mchid: string): Simulator;
  close(): Promise<void>;
}

export interface SettleOptions {
  deliver?: 'auto' | 'never';
  user_received_account?: string;
}
