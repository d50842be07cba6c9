/**
 * How this service speaks with WeChat Pay. Outbound calls are the same in both modes (we sign them
 * ourselves); what differs is how a notification's origin is proven.
 */
import { ConflictError } from '../../utils/errors';
import type { Acknowledgement } from '../../utils/respond';

export interface WechatCall {
  readonly method: 'GET' | 'POST';
  /** Path with query, percent-encoded, exactly as signed and sent. */
  readonly path: string;
  /** Raw text, signed and sent byte for byte; '' for none. */
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
      readonly reason: 'timeout' | 'network' | 'unproven' | 'status' | 'keys';
      readonly status?: number;
      readonly code?: string;
      readonly message?: string;
      readonly requestId: string | null;
    };

export type NotificationKind = 'payment' | 'refund' | 'transfer' | 'combination' | 'echo';

export interface OpenedNotification {
  readonly proven: true;
  readonly proof: 'signature' | 'decryption';
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
  readonly signType: 'RSA';
  readonly paySign: string;
}

export interface PayStrategy {
  readonly mode: 'sdk' | 'gateway';
  /** How a callback of this kind is answered. */
  readonly acknowledgement: Acknowledgement;
  /** What this way of speaking to WeChat has at all; the rest is refused before anything is recorded. */
  readonly can: {
    /** Fields encrypted for WeChat: a receiver's name, a bank account. */
    readonly encrypt: boolean;
    readonly transfer: boolean;
    readonly combine: boolean;
  };
  call(call: WechatCall): Promise<WechatReply>;
  /** The parameters of wx.requestPayment, all strings. */
  signJsapi(input: { appid: string; prepay_id: string }): Promise<PaymentParams>;
  /** The parameters of the App SDK: appid, partnerid, prepayid, package, noncestr, timestamp, sign. */
  signApp(input: { appid: string; prepay_id: string }): Promise<Readonly<Record<string, string>>>;
  /** RSA-OAEP with WeChat's newest key; `serial` names it and must be sent along. */
  encrypt(text: string): Promise<{ readonly serial: string; readonly ciphertext: string }>;
  /**
   * Proves where a notification comes from and decrypts it.
   * @throws SignatureError 4xx (checked and wrong, or contradicting labels) · UpstreamError KEYS_UNAVAILABLE
   *   5xx (could not check). A hint is returned, not thrown: the caller decides whether to follow it.
   */
  openNotification(input: NotificationInput): Promise<OpenedNotification | NotificationHint>;
  /** Streams a bill file (unsigned reply, integrity by hash). */
  download(url: string, deadline?: number): Promise<NodeJS.ReadableStream>;
  /** Loads platform certificates where that scheme is used; resolves when keys are ready or it was tried. */
  start(): Promise<void>;
  /** Whether a reply could be verified now, and the platform key ids held (never key material). */
  keys(): { readonly ready: boolean; readonly serials: readonly string[] };
  close(): Promise<void>;
}

/** @throws ConflictError MOVE_FORBIDDEN for what this merchant's way of speaking to WeChat does not have. */
export function requireAbility(
  { can }: Pick<PayStrategy, 'can'>,
  ability: keyof PayStrategy['can'],
): void {
  if (can[ability]) return;
  throw new ConflictError('MOVE_FORBIDDEN', {
    detail: `该商户的接口方式不支持 ${ability} / this merchant's API has no ${ability}`,
  });
}
