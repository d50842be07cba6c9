/** Bills as WeChat writes them, and a WeChat that knows only what a test tells it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { billOfferOf } from '../../services/strategies/bill';
import { directDialect } from '../helpers/dialects';
import { ownRef } from '../../services/wechat/dialect';
import type { WechatApi } from '../../services/wechat/wechatApi';
import { syncCombination } from '../../services/combinations/syncCombination';
import type { ReservationKind } from '../../services/stores/orderStore';
import { createRecordWriter } from '../../services/records/recordWriter';
import { createOrderService } from '../../services/orderService';
import {
  createReconciler,
  type Reconciler,
  type ReconcileSettings,
} from '../../services/reconcile/reconciler';
import type { OrderRecord } from '../../services/ledger/record';
import type { OrderStore } from '../../services/stores/orderStore';
import type { WechatReply } from '../../services/strategies/strategy';
import { toRfc3339 } from '../../utils/time';
import { anOrder } from '../helpers/storeRecords';
import { createLogBook, type LogLine } from '../helpers/logBook';

/** 1230 → `12.30`. */
function fenToYuan(fen: number): string {
  const sign = fen < 0 ? '-' : '';
  const text = String(Math.abs(fen)).padStart(3, '0');
  return `${sign}${text.slice(0, -2)}.${text.slice(-2)}`;
}

export const DAY = '2026-03-10';
export const DAY_START = Date.parse(`${DAY}T00:00:00+08:00`);
export const MCHID = '1900000001';
export const APPID = 'wx0000000000000001';

const HEAD =
  '交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,' +
  '货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,' +
  '商户数据包,手续费,费率,订单金额,申请退款金额,费率备注';
const SUMS =
  '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额';
const FUND_HEAD =
  '记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),' +
  '资金变更提交申请人,备注,业务凭证号';
const FUND_SUMS = '资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额';

export interface PaymentLine {
  readonly no: string;
  readonly transaction_id: string;
  readonly total: number;
  readonly appid?: string;
  readonly state?: string;
  readonly feeFen?: number;
  readonly goods?: string;
  readonly atMs?: number;
}

export interface RefundLine {
  readonly no: string;
  readonly out_refund_no: string;
  readonly refund: number;
  readonly status?: string;
}

export type Line = PaymentLine | RefundLine;

export const feeOf = (total: number): number => Math.floor((total * 60 + 5000) / 10_000);
const isRefund = (line: Line): line is RefundLine => 'out_refund_no' in line;

const when = (ms: number): string => toRfc3339(ms).slice(0, 19).replace('T', ' ');

function tradeLine(line: Line): string {
  const at = when(!isRefund(line) && line.atMs !== undefined ? line.atMs : DAY_START + 3600_000);
  const values = isRefund(line)
    ? [at, APPID, MCHID, '0', '', `4200R${line.no}`, line.no, 'oPayer', 'JSAPI', 'REFUND', 'OTHERS']
        .concat(['CNY', '0.00', '0.00', `50${line.out_refund_no}`, line.out_refund_no])
        .concat([fenToYuan(line.refund), '0.00', 'ORIGINAL', line.status ?? 'SUCCESS', '货', ''])
        .concat(['0.00000', '0.60%', '0.00', fenToYuan(line.refund), ''])
    : [at, line.appid ?? APPID, MCHID, '0', '', line.transaction_id, line.no, 'oPayer', 'JSAPI']
        .concat([line.state ?? 'SUCCESS', 'OTHERS', 'CNY', fenToYuan(line.total), '0.00', '0'])
        .concat(['0', '0.00', '0.00', '', '', line.goods ?? '货', '包,裹'])
        .concat([`${fenToYuan(line.feeFen ?? feeOf(line.total))}000`, '0.60%'])
        .concat([fenToYuan(line.total), '0.00', '']);
  return values.map((value) => `\`${value}`).join(',');
}

/** The lines of a trade bill, made as they are read: a million of them take no memory. */
export function* tradeBill(lines: Iterable<Line>, end = '\r\n'): Generator<string> {
  let count = 0;
  const sum = { paid: 0, back: 0, fee: 0 };
  yield `\ufeff${HEAD}${end}`;
  for (const line of lines) {
    count++;
    if (isRefund(line)) sum.back += line.refund;
    else {
      sum.paid += line.total;
      sum.fee += line.feeFen ?? feeOf(line.total);
    }
    yield `${tradeLine(line)}${end}`;
  }
  const [paid, back] = [fenToYuan(sum.paid), fenToYuan(sum.back)];
  const sums = [`${String(count)}.0`, paid, back, '0.0', fenToYuan(sum.fee), paid, back];
  yield `${SUMS}${end}${sums.map((value) => `\`${value}`).join(',')}${end}`;
}

export interface FundLine {
  readonly transaction_id: string;
  readonly paid: number;
  readonly fee: number;
}

export function* fundBill(lines: Iterable<FundLine>): Generator<string> {
  const at = when(DAY_START + 3600_000);
  let rows = 0;
  const sum = { paid: 0, fee: 0 };
  let fees = 0;
  const row = (id: string, type: string, out: boolean, fen: number): string =>
    [at, id, id, '交易', type, out ? '支出' : '收入', fenToYuan(fen), '0.00', 'system', '', 'v']
      .map((value) => `\`${value}`)
      .join(',');
  yield `\ufeff${FUND_HEAD}\n`;
  for (const { transaction_id: id, paid, fee } of lines) {
    rows++;
    sum.paid += paid;
    yield `${row(id, '交易', false, paid)}\n`;
    if (fee === 0) continue;
    fees++;
    sum.fee += fee;
    yield `${row(id, '扣除交易手续费', true, fee)}\n`;
  }
  const sums = [rows + fees, rows, fenToYuan(sum.paid), fees, fenToYuan(sum.fee)];
  yield `${FUND_SUMS}\n${sums.map((value) => `\`${String(value)}`).join(',')}\n`;
}

/** Small pieces put together: one write a line is slow. */
export function* chunked(texts: Iterable<string>, size = 64 * 1024): Generator<Buffer> {
  let text = '';
  for (const one of texts) {
    text += one;
    if (text.length < size) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

export const proven = (body: object, status = 200): WechatReply => ({
  kind: 'proven',
  status,
  body: body as Record<string, unknown>,
  requestId: null,
  repeated: false,
});

export const refused = (status: number, code: string): WechatReply => ({
  kind: 'refused',
  status,
  code,
  message: '',
  requestId: null,
  repeated: false,
});

/** What WeChat says when asked; anything else it does not know. */
export interface Truth {
  trade?: () => Iterable<string>;
  fund?: () => Iterable<string>;
  readonly orders: Map<string, object>;
  readonly refunds: Map<string, object>;
  /** Counts the questions, by number. */
  readonly asked: Map<string, number>;
  /** What the announced hash is made of instead of the bill. */
  spoil?: (text: Buffer) => Buffer;
  reply?: (kind: string) => WechatReply | undefined;
  /** A packed bill that lies ready. */
  file?: (kind: string) => { readonly hash: string; readonly stream: () => Readable };
}

export const createTruth = (): Truth => ({
  orders: new Map(),
  refunds: new Map(),
  asked: new Map(),
});

export const transaction = (line: PaymentLine, more: object = {}): object => ({
  appid: line.appid ?? APPID,
  mchid: MCHID,
  out_trade_no: line.no,
  transaction_id: line.transaction_id,
  trade_type: 'JSAPI',
  trade_state: 'SUCCESS',
  bank_type: 'OTHERS',
  success_time: toRfc3339(line.atMs ?? DAY_START + 3600_000),
  payer: { openid: 'oPayer0000000000000000000001' },
  amount: { total: line.total, payer_total: line.total, currency: 'CNY' },
  ...more,
});

export const refundAnswer = (line: RefundLine, transaction_id: string, total: number): object => ({
  refund_id: `50${line.out_refund_no}`,
  out_refund_no: line.out_refund_no,
  transaction_id,
  out_trade_no: line.no,
  status: line.status ?? 'SUCCESS',
  create_time: toRfc3339(DAY_START + 3600_000),
  success_time: toRfc3339(DAY_START + 7200_000),
  amount: { total, refund: line.refund, currency: 'CNY' },
});

function hashOf(texts: Iterable<string>): string {
  const sha1 = createHash('sha1');
  for (const chunk of chunked(texts)) sha1.update(chunk);
  return sha1.digest('hex');
}

export function createBooks(
  store: OrderStore,
  truth: Truth,
  settings: Partial<ReconcileSettings> = {},
): { reconciler: Reconciler; lines: LogLine[]; clock: { ms: number } } {
  const { logger, lines } = createLogBook();
  const time = { ms: DAY_START + 35 * 3600_000 };
  const clock = { now: () => time.ms };
  const ask = (map: Map<string, object>, no: string, code: string): Promise<WechatReply> => {
    truth.asked.set(no, (truth.asked.get(no) ?? 0) + 1);
    const body = map.get(no);
    return Promise.resolve(body === undefined ? refused(404, code) : proven(body));
  };
  const download = (url: string): Promise<NodeJS.ReadableStream> => {
    const ready = truth.file?.(url.slice(url.lastIndexOf('/') + 1));
    if (ready !== undefined) return Promise.resolve(ready.stream());
    const texts = url.endsWith('tradebill') ? truth.trade : truth.fund;
    const source = Readable.from(chunked(texts?.() ?? []));
    const { spoil } = truth;
    if (spoil === undefined) return Promise.resolve(source.pipe(createGzip()));
    const parts = [...chunked(texts?.() ?? [])];
    return Promise.resolve(Readable.from([spoil(Buffer.concat(parts))]));
  };
  const announced = (kind: string): Promise<WechatReply> => {
    const given = truth.reply?.(kind);
    const texts = kind === 'tradebill' ? truth.trade : truth.fund;
    if (given !== undefined) return Promise.resolve(given);
    const ready = truth.file?.(kind);
    const url = `https://bill.example.com/${kind}`;
    if (ready !== undefined) {
      const offer = { hash_type: 'SHA1', hash_value: ready.hash, download_url: url };
      return Promise.resolve(proven(offer));
    }
    if (texts === undefined) return Promise.resolve(refused(400, 'NO_STATEMENT_EXIST'));
    return Promise.resolve(
      proven({ hash_type: 'SHA1', hash_value: hashOf(texts()), download_url: url }),
    );
  };
  const api = {
    bill: async (kind: string) => billOfferOf(await announced(kind), download),
    queryOrder: ({ no }: { no: string }) => ask(truth.orders, no, 'ORDER_NOT_EXIST'),
    queryTransaction: (_account: object, no: string) => ask(truth.orders, no, 'ORDER_NOT_EXIST'),
    queryRefund: (_account: object, no: string) => ask(truth.refunds, no, 'RESOURCE_NOT_EXISTS'),
  };
  const dialect = directDialect({
    mchid: MCHID,
    appids: [APPID],
    payNotifyUrl: '',
    refundNotifyUrl: '',
    transferNotifyUrl: undefined,
  });
  const writer = createRecordWriter({ store, clock, logger });
  const orders = createOrderService({ store, writer, clock, sink: false });
  const sync = {
    orders,
    api: api as unknown as WechatApi,
    dialect,
    clock,
    logger,
    ownerOf: async (kind: ReservationKind, no: string) =>
      (await store.reservation(kind, no))?.owner,
  };
  const reconciler = createReconciler({
    ...sync,
    syncWhole: async (no, limits) =>
      (await syncCombination(sync, ownRef(dialect, no), { limits })).reply,
    store,
    writer,
    wait: () => Promise.resolve(),
    settings: { mchid: MCHID, appids: [APPID], gapMs: 0, ...settings },
  });
  return { reconciler, lines, clock: time };
}

/** Ordered ten minutes before it was paid, on the same day. */
export function paidOrder(line: PaymentLine, facts: Partial<OrderRecord> = {}): OrderRecord {
  const paidAt = line.atMs ?? DAY_START + 3600_000;
  return anOrder(line.no, {
    state: 'PAID',
    created_at: Math.max(DAY_START, paidAt - 600_000),
    updated_at: DAY_START + 3600_000,
    amount: { total: line.total, currency: 'CNY' },
    payment: {
      transaction_id: line.transaction_id,
      total: line.total,
      currency: 'CNY',
      appid: APPID,
      mchid: MCHID,
      success_time: toRfc3339(paidAt),
      proof: 'signature',
      source: 'callback',
    },
    ...facts,
  });
}
