/**
 * The two bills of a day, by the names of their columns: what a row says, and whether the sums at the end
 * agree with what went through. How rows are told apart stands in `billBytes`.
 *
 * Source: 微信支付《账单格式》.
 */
import { billUnreadable, createBillReader, type Layout, type RowBytes } from './billBytes';
import { InvariantError, type UpstreamError } from '../../utils/errors';
import { yuanToFen, yuanToMilliFen, type Bytes } from '../../utils/money';

export interface TradeRow {
  readonly time: string;
  readonly appid: string;
  readonly mchid: string;
  /** The shop of a service provider; empty for none. */
  readonly sub_mchid: string;
  readonly transaction_id: string;
  readonly out_trade_no: string;
  /** SUCCESS, REFUND, REVOKED. */
  readonly trade_state: string;
  /** 应结订单金额: what the fee is taken of. */
  readonly settled_fen: number;
  readonly total_fen: number;
  readonly fee_milli: number;
  /** As written: `0.60%`. */
  readonly rate: string;
  /** Empty for payments. */
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly refund_fen: number;
  readonly refund_status: string;
}

/** The row at hand, without making anything of it: good until the next one. */
export interface TradeEntry {
  readonly kind: 'payment' | 'refund' | 'reversal';
  readonly total_fen: number;
  readonly settled_fen: number;
  readonly fee_milli: number;
  is(column: 'appid' | 'mchid' | 'sub_mchid' | 'trade_state', value: Buffer): boolean;
  /** The bytes of a value: the same object each time. */
  bytes(column: 'transaction_id' | 'out_trade_no' | 'out_refund_no' | 'rate'): Bytes;
  /** A copy to keep. */
  row(): TradeRow;
}

export interface FundEntry {
  readonly kind: 'payment' | 'fee' | 'other';
  /** Positive in, negative out. */
  readonly fen: number;
  /** 微信支付业务单号. */
  number(): Bytes;
}

/** The value of a sum by name; undefined where the bill does not have it. */
type Sums = (name: string) => string | undefined;

/** Compares what the rows add up to with what the bill says, under any of the names of the sum. */
function createCheck(layout: Layout, sums: Sums) {
  const fault = (column: string, zh: string, en: string): UpstreamError =>
    billUnreadable(layout.title, { column, zh, en });

  return function check(
    names: readonly string[],
    summed: number,
    how: { readonly read: (text: string) => number | undefined; readonly slack?: number },
  ): void {
    const name = names.find((one) => sums(one) !== undefined);
    // A format that has no such sum at all: the number of rows, which all have, is checked before.
    if (name === undefined) return;
    const told = how.read(sums(name) ?? '');
    if (told === undefined) throw fault(name, '不是数字', 'no number');
    if (Math.abs(summed - told) <= (how.slack ?? 0)) return;
    const [there, here] = [String(told), String(summed)];
    throw fault(name, `为 ${there}，各行合计 ${here}`, `is ${there}, the rows add up to ${here}`);
  };
}

/** `45`, `45.0`. */
function readCount(text: string): number | undefined {
  const m = /^(\d{1,12})(?:\.0+)?$/.exec(text);
  return m === null ? undefined : Number(m[1]);
}

function mustHave(layout: Layout, sums: Sums, name: string): void {
  if (sums(name) !== undefined) return;
  throw billUnreadable(layout.title, {
    column: name,
    zh: '一项汇总缺失',
    en: 'the sum is missing',
  });
}

const FEN = { read: yuanToFen };
const COUNT = { read: readCount };

/**
 * By name, for there are two formats: today's, and the early one of 24 columns that some merchants still get,
 * where 总金额 is the amount of the order and 企业红包金额 what the merchant gave of it.
 */
const TRADE = {
  time: ['交易时间'],
  appid: ['公众账号ID'],
  mchid: ['商户号'],
  sub_mchid: ['特约商户号', '子商户号'],
  transaction_id: ['微信订单号'],
  out_trade_no: ['商户订单号'],
  trade_state: ['交易状态'],
  settled: ['应结订单金额'],
  refund_id: ['微信退款单号'],
  out_refund_no: ['商户退款单号'],
  refund_status: ['退款状态'],
  fee: ['手续费'],
  rate: ['费率'],
  total: ['订单金额', '总金额'],
  refund: ['申请退款金额', '退款金额'],
  refunded: ['退款金额'],
  coupon: ['充值券退款金额', '企业红包退款金额'],
  bonus: ['企业红包金额'],
} as const;
const TRADE_OPTIONAL: readonly string[] = ['settled', 'bonus', 'sub_mchid'];
const TRADE_LAYOUT: Layout = {
  title: ['交易账单', 'trade bill'],
  columns: Object.entries(TRADE).map(([name, names]) => ({
    names,
    optional: TRADE_OPTIONAL.includes(name),
  })),
  text: '商品名称',
  summary: '总交易单数,',
};
type TradeColumn = keyof typeof TRADE;
const tradeNames = Object.keys(TRADE) as TradeColumn[];
const T = Object.fromEntries(tradeNames.map((name, i) => [name, i])) as Record<TradeColumn, number>;

const REVOKED = Buffer.from('REVOKED');
const ZERO = Buffer.from('0');

/** Fees carry five decimals and their sum two: half a fen of rounding either way is no fault. */
const FEE_SLACK_MILLI = 1000;

function createTrade(onRow: (entry: TradeEntry) => void) {
  const sum = { rows: 0, settled: 0, refund: 0, coupon: 0, fee: 0, total: 0, asked: 0 };
  let values: RowBytes | undefined;
  const at = (): RowBytes => {
    if (values === undefined) throw new InvariantError('a bill has no row at hand');
    return values;
  };
  /** `0`, empty: no number. */
  const numberOf = (column: number): string => {
    const text = at().text(column);
    return text === '0' ? '' : text;
  };
  const entry = {
    kind: 'payment' as TradeEntry['kind'],
    total_fen: 0,
    settled_fen: 0,
    fee_milli: 0,
    is: (column: TradeColumn, value: Buffer) => at().is(T[column], value),
    bytes: (column: TradeColumn) => at().bytes(T[column]),
    row: (): TradeRow => ({
      time: at().text(T.time),
      appid: at().text(T.appid),
      mchid: at().text(T.mchid),
      sub_mchid: at().known(T.sub_mchid) ? numberOf(T.sub_mchid) : '',
      transaction_id: at().text(T.transaction_id),
      out_trade_no: at().text(T.out_trade_no),
      trade_state: at().text(T.trade_state),
      settled_fen: entry.settled_fen,
      total_fen: entry.total_fen,
      fee_milli: entry.fee_milli,
      rate: at().text(T.rate),
      refund_id: numberOf(T.refund_id),
      out_refund_no: numberOf(T.out_refund_no),
      refund_fen: at().fen(T.refund),
      refund_status: at().text(T.refund_status),
    }),
  };
  const kindOf = (row: RowBytes): TradeEntry['kind'] => {
    const { from, to } = row.bytes(T.out_refund_no);
    if (to > from && !row.is(T.out_refund_no, ZERO)) return 'refund';
    return row.is(T.trade_state, REVOKED) ? 'reversal' : 'payment';
  };

  return {
    row(row: RowBytes): void {
      values = row;
      entry.kind = kindOf(row);
      entry.total_fen = row.fen(T.total);
      entry.settled_fen = row.known(T.settled)
        ? row.fen(T.settled)
        : entry.total_fen - (row.known(T.bonus) ? row.fen(T.bonus) : 0);
      entry.fee_milli = row.milli(T.fee);
      sum.rows++;
      sum.settled += entry.settled_fen;
      sum.refund += row.fen(T.refunded);
      sum.coupon += row.fen(T.coupon);
      sum.fee += entry.fee_milli;
      sum.total += entry.total_fen;
      sum.asked += row.fen(T.refund);
      onRow(entry);
    },
    check(sums: Sums): void {
      mustHave(TRADE_LAYOUT, sums, '总交易单数');
      const check = createCheck(TRADE_LAYOUT, sums);
      check(['总交易单数'], sum.rows, COUNT);
      check(['应结订单总金额'], sum.settled, FEN);
      check(['退款总金额', '总退款金额'], sum.refund, FEN);
      check(['充值券退款总金额', '总企业红包退款金额'], sum.coupon, FEN);
      check(['手续费总金额'], sum.fee, { read: yuanToMilliFen, slack: FEE_SLACK_MILLI });
      check(['订单总金额', '总交易额'], sum.total, FEN);
      check(['申请退款总金额'], sum.asked, FEN);
    },
    rows: () => sum.rows,
  };
}

const FUND_COLUMNS = [
  ['记账时间'],
  ['微信支付业务单号'],
  ['业务名称'],
  ['业务类型'],
  ['收支类型'],
  ['收支金额(元)', '收支金额（元）', '收支金额'],
];
const FUND_LAYOUT: Layout = {
  title: ['资金账单', 'fund-flow bill'],
  columns: FUND_COLUMNS.map((names) => ({ names })),
  text: '资金变更提交申请人',
  summary: '资金流水总笔数,',
};
const F = { number: 1, name: 2, type: 3, direction: 4, amount: 5 } as const;
const OUT = Buffer.from('支出');
const PAYMENT = Buffer.from('交易');
const FEE = Buffer.from('手续费');
/** What a withdrawal costs is no payment's fee. */
const WITHDRAWAL = Buffer.from('提现');

/**
 * What a row is says 业务类型: the fee of a payment has the payment's 业务名称 and number. Where the type is empty the
 * name must do. A fee that comes back (收入) belongs to a refund: the payment's own is as it was.
 */
function fundKindOf(row: RowBytes, out: boolean): FundEntry['kind'] {
  const { from, to } = row.bytes(F.type);
  const by = to > from ? F.type : F.name;
  if (row.is(by, PAYMENT)) return out ? 'other' : 'payment';
  const fee = row.has(by, FEE) && !row.has(by, WITHDRAWAL);
  return fee && out ? 'fee' : 'other';
}

function createFund(onRow: (entry: FundEntry) => void) {
  const sum = { rows: 0, ins: 0, in: 0, outs: 0, out: 0 };
  let values: RowBytes | undefined;
  const entry = {
    kind: 'other' as FundEntry['kind'],
    fen: 0,
    number: (): Bytes => {
      if (values === undefined) throw new InvariantError('a bill has no row at hand');
      return values.bytes(F.number);
    },
  };
  return {
    row(row: RowBytes): void {
      values = row;
      const amount = row.fen(F.amount);
      const out = row.is(F.direction, OUT);
      entry.kind = fundKindOf(row, out);
      entry.fen = out ? -amount : amount;
      sum.rows++;
      if (out) {
        sum.outs++;
        sum.out += amount;
      } else {
        sum.ins++;
        sum.in += amount;
      }
      onRow(entry);
    },
    check(sums: Sums): void {
      mustHave(FUND_LAYOUT, sums, '资金流水总笔数');
      const check = createCheck(FUND_LAYOUT, sums);
      check(['资金流水总笔数'], sum.rows, COUNT);
      check(['收入笔数'], sum.ins, COUNT);
      check(['收入金额'], sum.in, FEN);
      check(['支出笔数'], sum.outs, COUNT);
      check(['支出金额'], sum.out, FEN);
    },
    rows: () => sum.rows,
  };
}

interface Bill {
  readonly row: (row: RowBytes) => void;
  readonly check: (sums: Sums) => void;
  readonly rows: () => number;
}

/** Called when a chunk's rows have gone through; nothing is read until it is done. */
type OnChunk = () => Promise<void> | void;

async function readBill(
  chunks: AsyncIterable<Buffer>,
  layout: Layout,
  bill: Bill,
  onChunk: OnChunk,
): Promise<number> {
  const reader = createBillReader(layout, bill.row, bill.check);
  for await (const chunk of chunks) {
    reader.push(chunk);
    await onChunk();
  }
  reader.end();
  await onChunk();
  return bill.rows();
}

/**
 * Hands out the rows of a trade bill, type ALL, in order.
 *
 * @returns how many rows there were.
 * @throws  UpstreamError BILL_UNREADABLE where the file contradicts itself: only at its end is it known
 *   to be whole, so nothing may be acted upon before.
 */
export const readTradeBill = (
  chunks: AsyncIterable<Buffer>,
  onRow: (entry: TradeEntry) => void,
  onChunk: OnChunk,
): Promise<number> => readBill(chunks, TRADE_LAYOUT, createTrade(onRow), onChunk);

/** The fund-flow bill of an account. See `readTradeBill`. */
export const readFundBill = (
  chunks: AsyncIterable<Buffer>,
  onRow: (entry: FundEntry) => void,
  onChunk: OnChunk,
): Promise<number> => readBill(chunks, FUND_LAYOUT, createFund(onRow), onChunk);
