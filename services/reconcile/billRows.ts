/**
 * Reads a bill's CSV row by row: BOM, column names, rows whose values each begin with a back-tick, names
 * and values of the sums. Columns are found by name. Free text (商品名称, 商户数据包, 备注) may hold commas, even
 * the separator itself or a line break: payers choose it. What is left and right of it is counted from the
 * ends, so that no text can shift a number into another column.
 *
 * Source: 微信支付《账单格式》, P§5.9.
 */
import { StringDecoder } from 'node:string_decoder';
import { UpstreamError } from '../../utils/errors';
import { yuanToFen, yuanToMilliFen } from '../../utils/money';

export interface TradeRow {
  readonly time: string;
  readonly appid: string;
  readonly mchid: string;
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

export interface FundRow {
  readonly business_no: string;
  /** 业务名称 and 业务类型: 交易, 退款, 扣除交易手续费, … */
  readonly name: string;
  readonly type: string;
  /** Positive in, negative out. */
  readonly fen: number;
}

const LINE_CHARS_MAX = 256 * 1024;
const LINES_JOINED_MAX = 100;

export const billDamaged = (detail: string): UpstreamError =>
  new UpstreamError('WECHATPAY_UNPROVEN', { detail: `账单有误 / bill damaged: ${detail}` });

/** The values of a row, by column name. */
type Values = (name: string) => string;

interface Shape<R> {
  /** Columns that must be there, the first one first. */
  readonly columns: readonly string[];
  /** Of the free-text columns, which lie side by side: the first one there is. */
  readonly text: string;
  readonly summary: string;
  read(values: Values): R;
}

/** Checks the sums against what went through; made anew for every bill. */
interface Adding<R> {
  row(row: R, values: Values): void;
  check(values: Values): void;
}

/** Lines without their ends, a chunk's worth at a time. */
async function* lineBatches(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX) throw billDamaged('a line without end');
    if (lines.length > 0) yield lines;
  }
  rest += decoder.end();
  if (rest !== '') yield [rest];
}

const withoutCr = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

/** Turns lines into rows; the state between them is what is still open. */
function createLineReader<R>(shape: Shape<R>, adding: Adding<R>) {
  let columns: ReadonlyMap<string, number> | undefined;
  let textAt = 0;
  let open: string[] | undefined;
  let joined = 0;
  let sums: ReadonlyMap<string, number> | undefined;
  let summed = false;

  function begin(line: string): void {
    const names = line.replace(/^\ufeff/, '').split(',');
    columns = new Map(names.map((name, i) => [name.trim(), i]));
    for (const name of shape.columns) {
      if (!columns.has(name)) throw billDamaged(`column ${name} is missing`);
    }
    textAt = columns.get(shape.text) ?? names.length;
  }

  function valuesOf(parts: readonly string[], known: ReadonlyMap<string, number>): Values {
    const surplus = Math.max(0, parts.length - known.size);
    return (name) => {
      const at = known.get(name);
      if (at === undefined) return '';
      return parts[at < textAt ? at : at + surplus] ?? '';
    };
  }

  function finish(): R | undefined {
    if (open === undefined || columns === undefined) return undefined;
    if (open.length < columns.size) throw billDamaged(`a row of ${String(open.length)} columns`);
    const values = valuesOf(open, columns);
    open = undefined;
    joined = 0;
    const row = shape.read(values);
    adding.row(row, values);
    return row;
  }

  function summarise(line: string, known: ReadonlyMap<string, number>): void {
    const parts = line.slice(1).split(',`');
    if (!line.startsWith('`') || parts.length < known.size) throw billDamaged('the sums');
    adding.check((name) => parts[known.get(name) ?? -1] ?? '');
    summed = true;
  }

  /** @returns the row that this line completed, if any: a row is whole when the next thing begins. */
  function line(text: string): R | undefined {
    if (columns === undefined) {
      begin(text);
      return undefined;
    }
    if (sums !== undefined) {
      if (text === '') return undefined;
      if (summed) throw billDamaged('text after the sums');
      summarise(text, sums);
      return undefined;
    }
    if (text.startsWith('`') && (open === undefined || open.length >= columns.size)) {
      const row = finish();
      open = text.slice(1).split(',`');
      return row;
    }
    if (text.startsWith(shape.summary) && (open === undefined || open.length >= columns.size)) {
      sums = new Map(text.split(',').map((name, i) => [name.trim(), i]));
      return finish();
    }
    if (open === undefined || ++joined > LINES_JOINED_MAX) throw billDamaged('a stray line');
    const [first = '', ...more] = text.split(',`');
    const last = open.pop() ?? '';
    open.push(`${last}\n${first}`, ...more);
    return undefined;
  }

  return {
    line,
    end(): void {
      if (!summed) throw billDamaged('cut short: no sums');
    },
  };
}

/**
 * Hands out the rows of a bill in batches, in order, waiting for each batch to be worked off.
 *
 * @returns how many rows there were.
 * @throws  UpstreamError WECHATPAY_UNPROVEN where the file contradicts itself: only at its end is it known
 *   to be whole, so nothing may be acted upon before.
 */
async function readBill<R>(
  chunks: AsyncIterable<Buffer>,
  shape: Shape<R>,
  adding: Adding<R>,
  onRows: (rows: readonly R[]) => Promise<void> | void,
): Promise<number> {
  const reader = createLineReader(shape, adding);
  let count = 0;
  for await (const lines of lineBatches(chunks)) {
    const rows: R[] = [];
    for (const text of lines) {
      const row = reader.line(withoutCr(text));
      if (row !== undefined) rows.push(row);
    }
    count += rows.length;
    if (rows.length > 0) await onRows(rows);
  }
  reader.end();
  return count;
}

function fen(values: Values, name: string): number {
  const amount = yuanToFen(values(name));
  if (amount === undefined) throw billDamaged(`${name} is no amount`);
  return amount;
}

function milli(values: Values, name: string): number {
  const amount = yuanToMilliFen(values(name));
  if (amount === undefined) throw billDamaged(`${name} is no amount`);
  return amount;
}

/** `45`, `45.0`. */
function count(values: Values, name: string): number {
  const m = /^(\d{1,12})(?:\.0+)?$/.exec(values(name));
  if (m === null) throw billDamaged(`${name} is no number`);
  return Number(m[1]);
}

const same = (name: string, summed: number, told: number, slack = 0): void => {
  if (Math.abs(summed - told) > slack) {
    throw billDamaged(`${name} is ${String(told)}, rows add up to ${String(summed)}`);
  }
};

/** `0`, empty: no number. */
const numberOf = (text: string): string => (text === '0' ? '' : text);

const TRADE: Shape<TradeRow> = {
  columns: [
    '交易时间',
    '公众账号ID',
    '商户号',
    '微信订单号',
    '商户订单号',
    '交易状态',
    '应结订单金额',
    '微信退款单号',
    '商户退款单号',
    '退款状态',
    '手续费',
    '费率',
    '订单金额',
    '申请退款金额',
  ],
  text: '商品名称',
  summary: '总交易单数,',
  read: (values) => ({
    time: values('交易时间'),
    appid: values('公众账号ID'),
    mchid: values('商户号'),
    transaction_id: values('微信订单号'),
    out_trade_no: values('商户订单号'),
    trade_state: values('交易状态'),
    settled_fen: fen(values, '应结订单金额'),
    total_fen: fen(values, '订单金额'),
    fee_milli: milli(values, '手续费'),
    rate: values('费率'),
    refund_id: numberOf(values('微信退款单号')),
    out_refund_no: numberOf(values('商户退款单号')),
    refund_fen: fen(values, '申请退款金额'),
    refund_status: values('退款状态'),
  }),
};

/** Fees carry five decimals and their sum two: half a fen of rounding either way is no fault. */
const FEE_SLACK_MILLI = 1000;

function addTrade(): Adding<TradeRow> {
  const sum = { rows: 0, settled: 0, refund: 0, coupon: 0, fee: 0, total: 0, asked: 0 };
  return {
    row(row, values) {
      sum.rows++;
      sum.settled += row.settled_fen;
      sum.refund += fen(values, '退款金额');
      sum.coupon += fen(values, '充值券退款金额');
      sum.fee += row.fee_milli;
      sum.total += row.total_fen;
      sum.asked += row.refund_fen;
    },
    check(values) {
      same('总交易单数', sum.rows, count(values, '总交易单数'));
      same('应结订单总金额', sum.settled, fen(values, '应结订单总金额'));
      same('退款总金额', sum.refund, fen(values, '退款总金额'));
      same('充值券退款总金额', sum.coupon, fen(values, '充值券退款总金额'));
      same('手续费总金额', sum.fee, milli(values, '手续费总金额'), FEE_SLACK_MILLI);
      same('订单总金额', sum.total, fen(values, '订单总金额'));
      same('申请退款总金额', sum.asked, fen(values, '申请退款总金额'));
    },
  };
}

const FUND: Shape<FundRow> = {
  columns: ['记账时间', '微信支付业务单号', '业务名称', '业务类型', '收支类型', '收支金额(元)'],
  text: '资金变更提交申请人',
  summary: '资金流水总笔数,',
  read: (values) => ({
    business_no: values('微信支付业务单号'),
    name: values('业务名称'),
    type: values('业务类型'),
    fen: fen(values, '收支金额(元)') * (values('收支类型') === '支出' ? -1 : 1),
  }),
};

function addFund(): Adding<FundRow> {
  const sum = { rows: 0, ins: 0, in: 0, outs: 0, out: 0 };
  return {
    row(row, values) {
      sum.rows++;
      if (values('收支类型') === '支出') {
        sum.outs++;
        sum.out -= row.fen;
      } else {
        sum.ins++;
        sum.in += row.fen;
      }
    },
    check(values) {
      same('资金流水总笔数', sum.rows, count(values, '资金流水总笔数'));
      same('收入笔数', sum.ins, count(values, '收入笔数'));
      same('收入金额', sum.in, fen(values, '收入金额'));
      same('支出笔数', sum.outs, count(values, '支出笔数'));
      same('支出金额', sum.out, fen(values, '支出金额'));
    },
  };
}

type OnRows<R> = (rows: readonly R[]) => Promise<void> | void;

/** The trade bill, type ALL. See `readBill`. */
export const readTradeBill = (
  chunks: AsyncIterable<Buffer>,
  onRows: OnRows<TradeRow>,
): Promise<number> => readBill(chunks, TRADE, addTrade(), onRows);

/** The fund-flow bill of an account. See `readBill`. */
export const readFundBill = (
  chunks: AsyncIterable<Buffer>,
  onRows: OnRows<FundRow>,
): Promise<number> => readBill(chunks, FUND, addFund(), onRows);
