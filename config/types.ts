/** The settings as the service uses them: validated, normalised, frozen. Made by `loadConfig`. */

export interface OperatorKey {
  readonly scope: 'all' | 'read' | 'sweep';
  /** Who holds it. */
  readonly name?: string;
  /** Bound to this shop of a service provider: it neither reads nor moves another's. */
  readonly sub_mchid?: string;
  /** SHA-256 of the key, 32 bytes: the key itself is not kept. */
  readonly digest: Buffer;
}

/** A shop of a service provider (特约商户), and its own app where it has one. */
export interface SubMerchant {
  readonly sub_mchid: string;
  readonly sub_appid: string | undefined;
}

/** Who the merchant is to WeChat Pay. */
export interface MerchantAccount {
  readonly merchantId: string;
  readonly appId: string;
  readonly serviceAppId: string | undefined;
}

/** What API v3 is spoken with. */
export interface V3Credentials extends MerchantAccount {
  /** Exactly 32 bytes. */
  readonly apiV3Key: string;
  readonly merchantSerialNumber: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
  /** Both or neither: neither = platform certificates. */
  readonly wxPayPublicKey: string | undefined;
  readonly wxPayPublicKeyId: string | undefined;
}

export type SignTypeV2 = 'MD5' | 'HMAC-SHA256';

/** What API v2 is spoken with. */
export interface V2Credentials extends MerchantAccount {
  /** Exactly 32 characters. */
  readonly apiKeyV2: string;
  readonly signTypeV2: SignTypeV2;
  /** Bytes of the p12 with the merchant certificate: refunds and reversals need it. */
  readonly clientCertificate: Buffer | undefined;
}

/** At least one of the two is there, and that of `signMode` always. */
export interface Credentials extends MerchantAccount {
  readonly v3: V3Credentials | undefined;
  readonly v2: V2Credentials | undefined;
}

export type SignMode = 'sdk' | 'gateway' | 'v2';

export type EffectSink =
  | { readonly kind: 'none' }
  | { readonly kind: 'webhook'; readonly url: string; readonly secrets: readonly string[] }
  | { readonly kind: 'amqp'; readonly url: string }
  | { readonly kind: 'hooks'; readonly path: string };

/** What is needed to listen and to report faults, even when the rest is missing or damaged. */
export interface ListenConfig {
  readonly port: number;
  /** '' or '/prefix'. */
  readonly basePath: string;
  readonly corsAllowOrigin: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Running inside SCF. */
  readonly scf: boolean;
  /** Every known setting: is there a value? Never the value. */
  readonly present: Readonly<Record<string, boolean>>;
}

/** What belongs to one merchant: from the environment, or from an entry of `merchantsFile`. */
export interface MerchantSettings {
  readonly signMode: SignMode;
  readonly credentials: Credentials;
  readonly notifyURLPayURL: string;
  readonly notifyURLRefundsURL: string;
  /** undefined = WeChat sends no transfer notifications: they are polled. */
  readonly transferNotifyUrl: string | undefined;
  readonly operatorKeys: readonly OperatorKey[];
  readonly operatorOpenids: readonly string[];
  readonly transferMaxFen: number;
  /** 0 = no limit. */
  readonly transferDayFen: number;
  readonly requirePreparedOrders: boolean;
  readonly orderExpireMinutes: number;
  readonly ordersPerMinute: number;
  readonly openOrdersMax: number;
  readonly sink: EffectSink;
  /** Empty: a merchant of its own. */
  readonly subMerchants: readonly SubMerchant[];
}

/** What all merchants have in common. */
export interface DeploymentSettings {
  readonly databaseUrl: string;
  readonly cloudbaseApiKey: string | undefined;
  /** The first seals records, any opens them; empty = records are not sealed. */
  readonly recordKeys: readonly string[];
  /** Path of the file of further merchants. */
  readonly merchantsFile: string | undefined;
  readonly trustWxHeaders: boolean;
  /** true only where the operator wrote `trustWxHeaders=true` by hand. */
  readonly trustWxHeadersByHand: boolean;
  readonly foreignBearer: 'refuse' | 'ignore';
  readonly cloudbaseEnv: string | undefined;
  /** 0 = off. */
  readonly sweepSeconds: number;
  /** Serve the operator's page. */
  readonly console: boolean;
  readonly wxPayBaseUrl: string;
  readonly wxPayBackupUrl: string | undefined;
}

/** All that one merchant's wing works with. */
export interface Config extends ListenConfig, DeploymentSettings, MerchantSettings {
  /** Not faults, but worth a warning at start: one sentence each. */
  readonly warnings: readonly string[];
}
