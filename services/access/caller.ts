/** Who is calling, as proven once per request by `identity`. Nothing else in a request identifies anyone. */
export type Caller = Operator | Payer;

interface Operator extends FromApp {
  readonly role: 'operator';
  readonly via: 'key';
  readonly scope: 'all' | 'read' | 'sweep';
  /** Of the key; of one without a name its place in `operatorKeys`: `#1` is the first. */
  readonly name: string;
  /** The one shop of a service provider that the key is bound to: it neither reads nor moves another's. */
  readonly sub_mchid?: string;
}

interface Payer extends FromApp {
  readonly role: 'payer';
  readonly via: 'token' | 'header';
  readonly openid: string;
  /** One of `operatorOpenids`, proven well enough: may refund and read as an operator. */
  readonly operator: boolean;
  /** The IP address his request came from, where a proxy that is trusted says so. */
  readonly address?: string;
}

interface FromApp {
  /** Apps in which the payer's openid is his; absent: apps are not distinguished. */
  readonly apps?: readonly string[];
}

/** Whether this caller may act for the merchant where openids suffice. */
export const actsAsOperator = (caller: Caller): boolean =>
  caller.role === 'operator' || caller.operator;
