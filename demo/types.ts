/** What the demo tells: every event is made once, printed to the terminal and sent to the page alike. */

export interface Words {
  readonly zh: string;
  readonly en: string;
  /** What is the same in every language: a path, a number, a code. */
  readonly code?: string;
}

export const words = (zh: string, en: string, code?: string): Words =>
  code === undefined || code === '' ? { zh, en } : { zh, en, code };

export const code = (text: string): Words => ({ zh: '', en: '', code: text });

export type Actor = 'app' | 'pay' | 'wechat' | 'center' | 'shop' | 'stranger';

export const ACTORS: Readonly<Record<Actor, Words>> = {
  app: words('小程序', 'Mini Program'),
  pay: words('支付服务', 'pay-common'),
  wechat: words('微信支付', 'WeChat Pay'),
  center: words('集成中心', 'Integration'),
  shop: words('商家后台', 'Receiver'),
  stranger: words('陌生人', 'Stranger'),
};

export interface SceneEvent {
  readonly type: 'scene';
  readonly title: Words;
  /** Opens a new act: another harness, or another way of callbacks. */
  readonly act?: true;
}

export interface NoteEvent {
  readonly type: 'note';
  readonly text: Words;
}

/** Somebody said something to somebody. */
export interface MessageEvent {
  readonly type: 'message';
  readonly from: Actor;
  readonly to: Actor;
  readonly text: Words;
  /** HTTP status, where this is an answer. */
  readonly status?: number;
  /** true: a refusal, as it should be or not. */
  readonly refused?: boolean;
  readonly checks: readonly Words[];
}

/** What was written, and how it was proven. */
export interface RecordEvent {
  readonly type: 'record';
  readonly kind: RecordKind;
  readonly no: string;
  readonly state: string;
  readonly version: number;
  readonly before?: string;
  readonly changes: readonly Words[];
}

export interface CheckEvent {
  readonly type: 'check';
  readonly text: Words;
  readonly ok: boolean;
  readonly expected?: string;
  readonly actual?: string;
}

export interface VerdictEvent {
  readonly type: 'verdict';
  readonly ok: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

export type DemoEvent =
  SceneEvent | NoteEvent | MessageEvent | RecordEvent | CheckEvent | VerdictEvent;

/** An event in its place: numbered, dated by the demo's clock. */
export type Told = DemoEvent & { readonly n: number; readonly atMs: number };

export type Tell = (event: DemoEvent, atMs: number) => void;

export type RecordKind = 'order' | 'transfer';
export type Mode = 'sdk' | 'gateway';
export type Json = Readonly<Record<string, unknown>>;

/** A record as the page may see it: no key, no token, no signature, no whole openid. */
export interface Shown {
  readonly kind: RecordKind;
  readonly no: string;
  readonly state: string;
  readonly version: number;
  readonly payer: string;
  readonly totalFen: number;
  /** How the payment was proven; '' while there is none. */
  readonly paidProof: string;
  readonly dueAt: string | null;
  readonly refunds: readonly {
    readonly no: string;
    readonly fen: number;
    readonly status: string;
  }[];
  readonly history: readonly {
    readonly at: string;
    readonly what: Words;
    readonly source: string;
    readonly proof: string;
    readonly detail: string;
  }[];
  readonly effects: readonly {
    readonly type: string;
    readonly state: string;
    readonly tries: number;
  }[];
}
