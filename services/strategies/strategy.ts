/**
 * How this service speaks with WeChat Pay: how calls are carried and their replies proven, and how the origin of a
 * notification is proven. One strategy serves both versions of the API where the merchant has credentials for both:
 * an order stays in the version in which it was made.
 */
import type { SignMode } from '../../config/types';
import { AppError, ConfigError } from '../../utils/errors';
import type { Acknowledgement } from '../../utils/respond';
import type { BillAnswer } from './bill';

export type ApiVersion = 'v3' | 'v2';

/** Which version of the API a path is of. */
export const apiVersionOf = (path: string): ApiVersion => (path.startsWith('/v3/') ? 'v3' : 'v2');

export interface WechatCall {
  readonly method: 'GET' | 'POST';
  /** Path with query, percent-encoded, exactly as signed and sent. */
  readonly path: string;
  /**
   * '' for none. API v3: raw text, signed and sent byte for byte. API v2: a flat JSON object, sent as XML with a nonce
   * and a signature of its own at each attempt.
   */
  readonly body?: string;
  /** Wechatpay-Serial, where the body holds fields encrypted with that key. */
  readonly serial?: string;
  /** Milliseconds since 1970: nothing of this call goes on past it. */
  readonly deadline?: number;
  /** Default 8000: over all attempts. */
  readonly totalMs?: number;
  /** Default 2; 0 = one attempt only. */
  readonly retriesMax?: number;
}

/**
 * What came back. Only `proven: true` may move money state.
 * - proven: WeChat's signature over exactly these bytes was checked. `status` 200, 204 or 4xx.
 * - refused: a 4xx whose origin is not proven: shown to the caller, proves nothing to the record.
 * - unknown: timeout, network, 5xx, 202, 429, unproven 2xx, unparsable: it may or may not have been done.
 */
export type WechatReply =
  | {
      readonly kind: 'proven';
      readonly status: number;
      /** Parsed JSON object; {} for 204. */
      readonly body: Readonly<Record<string, unknown>>;
      readonly requestId: string | null;
      /** true: an attempt before the answered one had an unknown outcome. */
      readonly repeated: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly requestId: string | null;
      readonly repeated: boolean;
    }
  | {
      readonly kind: 'unknown';
      readonly reason: 'timeout' | 'network' | 'unproven' | 'status' | 'keys' | 'credentials';
      readonly status?: number;
      /** `credentials`: the setting without which nothing was sent. */
      readonly code?: string;
      readonly message?: string;
      readonly requestId: string | null;
    };

export type NotificationKind = 'payment' | 'refund' | 'transfer' | 'combination' | 'echo';

export interface OpenedNotification {
  readonly proven: true;
  readonly proof: 'signature' | 'decryption';
  /** The version it was told in: that of the order it is about. */
  readonly api: ApiVersion;
  readonly kind: NotificationKind;
  readonly id: string | undefined;
  /** The decrypted plaintext: the only thing to judge by. */
  readonly plaintext: Readonly<Record<string, unknown>>;
}

/** Nothing is proven: the numbers only say what to ask WeChat about. */
export interface NotificationHint {
  readonly proven: false;
  readonly kind: NotificationKind;
  readonly plaintext: Readonly<Record<string, unknown>>;
}

export interface NotificationInput {
  /** Lower-case header names, as Node gives them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as received. */
  readonly raw: Buffer;
  /** The object in these bytes, where the route has parsed them already. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** What the route says it is; undefined on `/`. */
  readonly expected?: NotificationKind;
  /** Milliseconds since 1970. */
  readonly deadline: number;
}

export interface PaymentParams {
  readonly appId: string;
  readonly prepay_id: string;
  readonly timeStamp: string;
  readonly nonceStr: string;
  readonly package: string;
  readonly signType: 'RSA' | 'MD5' | 'HMAC-SHA256';
  readonly paySign: string;
}

export interface AppParams {
  readonly appid: string;
  readonly partnerid: string;
  readonly prepayid: string;
  readonly package: string;
  readonly noncestr: string;
  readonly timestamp: string;
  readonly sign: string;
}

export interface Invocation {
  readonly appid: string;
  readonly prepay_id: string;
  /** The version in which the order was made; absent = v3. */
  readonly api?: ApiVersion;
}

export interface AppInvocation extends Invocation {
  /** The shop of a service provider that the cashier is of. */
  readonly partnerid?: string | undefined;
}

/** What a way of speaking to WeChat may have or not. */
export interface Abilities {
  /** Fields encrypted for WeChat: a receiver's name, a bank account. */
  readonly encrypt: boolean;
  readonly transfer: boolean;
  readonly combine: boolean;
}

export interface PayStrategy {
  readonly mode: SignMode;
  /** How a callback with these first bytes is answered: each version has a voice of its own. */
  acknowledgement(raw: Buffer): Acknowledgement;
  /** What this way of speaking to WeChat has at all; the rest is refused before anything is recorded. */
  readonly can: Abilities;
  /**
   * Asked before anything is recorded that ends in such a call.
   * @throws ConfigError MISSING_CREDENTIALS · CONFIG_INVALID naming the setting without which it cannot be made.
   */
  requireFor(call: Pick<WechatCall, 'path'>): Promise<void>;
  call(call: WechatCall): Promise<WechatReply>;
  /** The parameters of wx.requestPayment, all strings. */
  signJsapi(input: Invocation): Promise<PaymentParams>;
  /** The parameters of the App SDK: appid, partnerid, prepayid, package, noncestr, timestamp, sign. */
  signApp(input: AppInvocation): Promise<AppParams>;
  /** RSA-OAEP with WeChat's newest key; `serial` names it and must be sent along. */
  encrypt(text: string): Promise<{ readonly serial: string; readonly ciphertext: string }>;
  /**
   * Proves where a notification comes from and decrypts it.
   * @throws SignatureError 4xx (checked and wrong, or contradicting labels) · UpstreamError KEYS_UNAVAILABLE
   *   5xx (could not check). A hint is returned, not thrown: the caller decides whether to follow it.
   */
  openNotification(input: NotificationInput): Promise<OpenedNotification | NotificationHint>;
  /** Asks for a bill. @returns what there is to read, or WeChat's reply where there is none. */
  bill(call: WechatCall): Promise<BillAnswer>;
  /** Streams a bill file (unsigned reply, integrity by hash). */
  download(url: string, deadline?: number): Promise<NodeJS.ReadableStream>;
  /** Loads platform certificates where that scheme is used; resolves when keys are ready or it was tried. */
  start(): Promise<void>;
  /** What of the settings does not work, found at `start`: one sentence each. Nothing else depends on it. */
  faults(): readonly string[];
  /** Whether a reply could be verified now, and the platform key ids held (never key material). */
  keys(): { readonly ready: boolean; readonly serials: readonly string[] };
  close(): Promise<void>;
}

/** How API v3 is spoken in one mode: its part of a strategy. */
export type V3Strategy = Omit<
  PayStrategy,
  'mode' | 'acknowledgement' | 'can' | 'requireFor' | 'faults'
>;

/** @throws AppError NOT_IN_V2 for what this merchant's way of speaking to WeChat does not have. */
export function requireAbility({ can }: Pick<PayStrategy, 'can'>, ability: keyof Abilities): void {
  if (!can[ability]) throw new AppError('NOT_IN_V2', { detail: ability });
}

/** The settings named are not there. */
export const lacking = (...names: readonly string[]): ConfigError =>
  new ConfigError('MISSING_CREDENTIALS', names);
