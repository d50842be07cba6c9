/**
 * Takes in what was made before this service or by another system, from WeChat's proven answer alone: its
 * money is real, its delivery is not ours. What the answer does not say is left open, never guessed.
 */
import { addEffect } from '../ledger/outbox';
import { orderEffectData } from '../ledger/effectData';
import type { ApiVersion } from '../strategies/strategy';
import type { Dialect, From } from '../wechat/dialect';
import { productOf } from '../ledger/products';
import { asObject, asText } from '../wechat/readFacts';
import type { OrderService } from '../orderService';
import { QUERY_LADDER_MS } from '../ledger/orderState';
import type { NewLine } from '../ledger/decision';
import { newOrder } from '../ledger/newRecord';
import type { OrderRecord, Payment } from '../ledger/record';
import type { Clock } from '../../utils/clock';
import { isFen } from '../../utils/money';
import { DAY_MS } from '../../utils/time';
import type { Json } from '../../utils/json';

export interface RecordAdopterDeps {
  readonly orders: OrderService;
  readonly clock: Clock;
  readonly dialect: Pick<Dialect, 'account' | 'readPayer'>;
}

export interface PaidOrder {
  readonly no: string;
  readonly payment: Payment;
  /** Its trade_state was REFUND. */
  readonly refunded: boolean;
  readonly attach: string | undefined;
  readonly api: ApiVersion;
}

export interface RecordAdopter {
  order(paid: PaidOrder, from: From): Promise<OrderRecord | undefined>;
  /**
   * An order that is not paid yet, where the answer names its payer and amount. Its effect, `order.adopted`, comes
   * with the payment.
   */
  unpaid(no: string, body: Json, from: From): Promise<OrderRecord | undefined>;
}

/** WeChat closes an unpaid order by itself after seven days; then it is asked about once more, and closed here. */
const UNPAID_MAX_MS = 7 * DAY_MS;

interface Known {
  readonly no: string;
  readonly appid: string;
  readonly mchid: string;
  readonly sub_mchid: string | undefined;
  readonly total: number;
  readonly openid: string | undefined;
  readonly attach: string | undefined;
  readonly api: ApiVersion;
}

type Learned = Pick<OrderRecord, 'state' | 'product'> &
  Partial<Pick<OrderRecord, 'agenda' | 'payment' | 'refunded_elsewhere'>>;

/** An order as it is adopted: what is known of it, and what was learned with it. */
function adoptedOrder(known: Known, learned: Learned, line: NewLine): OrderRecord {
  const { no, appid, mchid, sub_mchid, total, openid, attach, api } = known;
  const facts = {
    no,
    ...(openid === undefined ? {} : { payer: openid }),
    appid,
    mchid,
    api,
    ...(sub_mchid === undefined ? {} : { sub_mchid }),
    description: '',
    ...(attach === undefined ? {} : { attach }),
    amount: { total, currency: 'CNY' },
    payer_named: false,
    made_by: 'adopted',
    prepared: false,
    facts_hash: '',
  } as const;
  return newOrder(Object.assign({}, facts, learned), line);
}

export function createRecordAdopter(deps: RecordAdopterDeps): RecordAdopter {
  const { orders, clock } = deps;
  return {
    async unpaid(no, body, from) {
      const now = clock.now();
      const { openid, appid, sub_mchid } = deps.dialect.readPayer(body);
      const total = asObject(body.amount)?.total;
      if (openid === undefined || appid === undefined || !isFen(total) || total < 1) {
        return undefined;
      }
      const known = {
        no,
        appid,
        mchid: deps.dialect.account.mchid,
        sub_mchid,
        total,
        openid,
        attach: asText(body.attach),
        api: deps.dialect.account.api ?? 'v3',
      };
      const learned: Learned = {
        state: 'PENDING',
        product: productOf(asText(body.trade_type)),
        agenda: [
          { do: 'query', at: now + (QUERY_LADDER_MS[0] ?? 0), tries: 0 },
          { do: 'expire', at: now + UNPAID_MAX_MS, tries: 0 },
        ],
      };
      const record = adoptedOrder(known, learned, { at: now, what: 'adopted', ...from });
      return (await orders.insert(record)) === 'inserted' ? record : orders.findOrder(no);
    },

    async order({ no, payment, refunded, attach, api }, from) {
      const now = clock.now();
      const { appid, mchid, sub_mchid, total, openid } = payment;
      const known = { no, appid, mchid, sub_mchid, total, openid, attach, api };
      const learned: Learned = {
        state: 'PAID',
        product: productOf(payment.trade_type),
        payment,
        ...(refunded ? { refunded_elsewhere: true } : {}),
      };
      const base = adoptedOrder(known, learned, { at: now, what: 'adopted', ...from });
      const data = { ...orderEffectData(base) };
      const { sink } = orders.context();
      const record = addEffect(base, { type: 'order.adopted', at: now, data, sink });
      if ((await orders.insert(record)) === 'inserted') return record;
      const again = await orders.apply(no, { type: 'paid', payment, refunded, ...from });
      return again.outcome === 'absent' ? undefined : again.record;
    },
  };
}
