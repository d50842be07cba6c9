/**
 * Takes in what was made before this service or by another system, from WeChat's proven answer alone: its
 * money is real, its delivery is not ours. What the answer does not say is left open, never guessed.
 */
import { addEffect } from './effects/apply';
import { orderEffectData } from './effects/data';
import { asText, type readTransfer } from './facts';
import type { OrderService } from './orderService';
import {
  SCHEMA_VERSION,
  type OrderRecord,
  type Payment,
  type Product,
  type Proof,
  type RecordedProduct,
  type Source,
  type TransferRecord,
} from './records';
import { decideTransfer } from './transferState';
import type { Clock } from '../utils/clock';
import { invariant } from '../utils/invariant';

type Json = Readonly<Record<string, unknown>>;
interface From {
  readonly source: Source;
  readonly proof: Proof;
}

export interface AdoptingDeps {
  readonly orders: OrderService;
  readonly clock: Clock;
  readonly mchid: string;
}

export interface PaidOrder {
  readonly no: string;
  readonly payment: Payment;
  /** Its trade_state was REFUND. */
  readonly refunded: boolean;
  readonly attach: string | undefined;
}

export interface Adopting {
  order(paid: PaidOrder, from: From): Promise<OrderRecord | undefined>;
  /** @returns undefined where the answer does not say how much: such a transfer cannot be counted. */
  transfer(
    body: Json,
    facts: NonNullable<ReturnType<typeof readTransfer>>,
    from: From,
  ): Promise<TransferRecord | undefined>;
}

const PRODUCTS: Readonly<Record<string, Product>> = {
  JSAPI: 'jsapi',
  MWEB: 'h5',
  NATIVE: 'native',
  APP: 'app',
  MICROPAY: 'codepay',
};

/** A trade_type we have no product for stays as WeChat spells it: a guess would be read as a fact. */
export function productOf(tradeType: string | undefined): RecordedProduct {
  if (tradeType === undefined) return 'UNKNOWN';
  return Object.hasOwn(PRODUCTS, tradeType) ? (PRODUCTS[tradeType] ?? tradeType) : tradeType;
}

export function createAdopting(deps: AdoptingDeps): Adopting {
  const { orders, clock } = deps;
  return {
    async order({ no, payment, refunded, attach }, from) {
      const now = clock.now();
      const base: OrderRecord = {
        kind: 'order',
        no,
        state: 'PAID',
        schema: SCHEMA_VERSION,
        version: 1,
        created_at: now,
        updated_at: now,
        ...(payment.openid === undefined ? {} : { payer: payment.openid }),
        history: [{ at: now, what: 'adopted', ...from }],
        agenda: [],
        effects: [],
        effect_seq: 0,
        product: productOf(payment.trade_type),
        appid: payment.appid,
        mchid: payment.mchid,
        description: '',
        ...(attach === undefined ? {} : { attach }),
        amount: { total: payment.total, currency: 'CNY' },
        payer_named: false,
        made_by: 'adopted',
        prepared: false,
        facts_hash: '',
        payment,
        contradictions: [],
        refunds: [],
        ...(refunded ? { refunded_elsewhere: true } : {}),
      };
      const data = { ...orderEffectData(base) };
      const { sink } = orders.context();
      const record = addEffect(base, { type: 'order.adopted', at: now, data, sink });
      if ((await orders.insert(record)) === 'inserted') return record;
      const again = await orders.apply(no, { type: 'paid', payment, refunded, ...from });
      return again.outcome === 'absent' ? undefined : again.record;
    },

    async transfer(body, facts, from) {
      if (facts.transfer_amount === undefined) return undefined;
      const now = clock.now();
      const seed: TransferRecord = {
        kind: 'transfer',
        no: facts.out_bill_no,
        state: 'CREATED',
        schema: SCHEMA_VERSION,
        version: 0,
        created_at: now,
        updated_at: now,
        history: [{ at: now, what: 'adopted', ...from }],
        agenda: [],
        effects: [],
        effect_seq: 0,
        appid: asText(body.appid) ?? '',
        mchid: deps.mchid,
        transfer_amount: facts.transfer_amount,
        facts_hash: '',
        attempts: 0,
      };
      const event = { type: 'seen', facts, ...from } as const;
      const decision = decideTransfer(seed, event, orders.context());
      invariant(decision.kind === 'next', 'a transfer is adopted by what was seen of it');
      if ((await orders.insert(decision.record)) === 'inserted') return decision.record;
      const again = await orders.applyTransfer(facts.out_bill_no, event);
      return again.outcome === 'absent' ? undefined : again.record;
    },
  };
}
