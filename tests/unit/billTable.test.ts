import { readFundBill, readTradeBill, type TradeRow } from '../../services/reconcile/billRows';
import { rateOf } from '../../services/reconcile/judge';
import { createNumberTable } from '../../services/reconcile/numberTable';
import {
  bytesToFen,
  bytesToMilliFen,
  yuanToFen,
  yuanToMilliFen,
  type Bytes,
} from '../../utils/money';
import { fundBill, tradeBill } from '../e2e/reconcileSupport';

/** Amid other bytes, as a value stands in a bill. */
function amid(text: string): Bytes {
  const bytes = Buffer.from(`9${text}9`);
  return { bytes, from: 1, to: bytes.length - 1 };
}

test('a table of numbers keeps what it is given while it grows, and knows nothing else', () => {
  const table = createNumberTable();
  const numbers = Array.from({ length: 50_000 }, (_, i) => `T${String(i)}`);
  for (const [i, no] of numbers.entries()) {
    const at = table.add(no);
    expect(table.flags(at)).toBe(0);
    table.mark(at, 1 + (i % 2));
    table.setValues(at, i, 4_000_000_000 + i);
  }
  expect(table.size).toBe(50_000);
  const wrong = numbers.filter((no, i) => {
    const at = table.find(no);
    const [a, b] = [table.first(at), table.second(at)];
    return at < 0 || table.flags(at) !== 1 + (i % 2) || a !== i || b !== 4_000_000_000 + i;
  });
  expect(wrong).toEqual([]);
  expect(numbers.some((no) => table.find(`${no}x`) >= 0)).toBe(false);
  expect(table.add('T7')).toBe(table.find('T7'));
  expect(table.size).toBe(50_000);
});

test('fees of five decimals are read by text', () => {
  expect(yuanToMilliFen('0.01250')).toBe(1250);
  expect(yuanToMilliFen('-1.00000')).toBe(-100_000);
  expect(yuanToMilliFen('12')).toBe(1_200_000);
  for (const text of ['', '0.0123456', '1e3', '1,000', '.5']) {
    expect(yuanToMilliFen(text)).toBeUndefined();
  }
});

const AMOUNTS = ['0', '0.00', '12', '12.3', '12.30', '-1.5', ' 7.00 ', '0.01250', '1.2300', '-0.01']
  .concat(['9999999999999.99', '99999999999999', '9999999999.99999', '99999999999', '0.0123456'])
  .concat([
    '',
    '.5',
    '1.',
    '1e3',
    '1,000',
    '--1',
    '1.2.3',
    '1 2',
    '+1',
    'NaN',
    '-',
    '12.345',
    '．1',
  ]);

test.each(AMOUNTS)('bytes of an amount are read as its text is: "%s"', (text) => {
  expect(bytesToFen(amid(text))).toBe(yuanToFen(text) ?? NaN);
  expect(bytesToMilliFen(amid(text))).toBe(yuanToMilliFen(text) ?? NaN);
});

test.each([
  ['0.60%', 6000],
  ['1%', 10_000],
  ['0.3800%', 3800],
  ['0.380000%', 3800],
  ['100%', 1_000_000],
  ['0.38001%', NaN],
  ['0.%', NaN],
  ['%', NaN],
  ['', NaN],
  ['0.60', NaN],
])('a rate: %s', (text, rate) => {
  expect(rateOf(amid(text))).toBe(rate);
});

test('a number leads to one place, as text and as bytes; numbers of two sorts never meet', () => {
  const table = createNumberTable();
  for (const no of ['T1', 'A_b-1|2*@', '商户单号']) {
    expect(table.find(amid(no))).toBe(-1);
    const at = table.add(no, 1);
    expect(table.find(amid(no), 1)).toBe(at);
    expect(table.add(amid(no), 1)).toBe(at);
    expect(table.find(no, 2)).toBe(-1);
    expect(table.short(no)).toBe(table.short(amid(no)));
  }
  table.clear();
  expect([table.size, table.find('T1', 1)]).toEqual([0, -1]);
});

test.each([1, 2, 3, 7, 64, 1000, 1e6])(
  'however a bill comes in pieces, of %i bytes, its rows are the same',
  async (size) => {
    const goods = '苹果,`b,`c\r\n`2026-03-10 00:00:00,`x\n,`';
    const whole = Array.from({ length: 40 }, (_, i) => ({
      no: `T${String(i)}`,
      transaction_id: `4200${String(i)}`,
      total: 100 + i,
      ...(i % 3 === 0 ? { goods: `${'长'.repeat(i)}${goods}` } : {}),
    }));
    const back = { no: 'T1', out_refund_no: 'R1', refund: 50 };
    const plain = Buffer.from([...tradeBill([...whole, back])].join(''));
    const pieces = async function* () {
      for (let i = 0; i < plain.length; i += size) {
        // Filled again at once: nothing may lean on a piece that has gone by.
        const piece = Buffer.from(plain.subarray(i, i + size));
        yield piece;
        piece.fill(0);
      }
    };
    const rows: TradeRow[] = [];
    const count = await readTradeBill(
      pieces(),
      (entry) => rows.push(entry.row()),
      () => undefined,
    );
    expect(count).toBe(41);
    expect(rows.map((r) => [r.out_trade_no, r.transaction_id, r.total_fen])).toEqual([
      ...whole.map((line) => [line.no, line.transaction_id, line.total]),
      ['T1', '4200RT1', 0],
    ]);
    expect(rows.at(-1)).toMatchObject({ out_refund_no: 'R1', refund_fen: 50, rate: '0.60%' });
    expect(rows[0]).toMatchObject({ out_refund_no: '', refund_id: '', trade_state: 'SUCCESS' });
  },
);

const SEPARATORS = ',`x'.repeat(12);

async function numbersOf(plain: string): Promise<string[]> {
  const rows: string[] = [];
  const pieces = async function* () {
    yield Buffer.from(plain);
  };
  const keep = (row: TradeRow): void => void rows.push(`${row.out_trade_no} ${row.total_fen}`);
  await readTradeBill(
    pieces(),
    (entry) => {
      keep(entry.row());
    },
    () => undefined,
  );
  return rows;
}

test.each([
  ['as many separators as a row has, and a back-tick', `a${SEPARATORS}\r\n\`b,\`c`],
  ['a back-tick alone', `a${SEPARATORS}\n\``],
  ['a time that is none', `a${SEPARATORS}\n\`2026-03-10 99:9x:00,\`wx`],
  ['a day without its time', `a${SEPARATORS}\n\`2026-03-10`],
  ['no back-tick', `a${SEPARATORS}\nb,c`],
])('a line break in a text, then %s: one row', async (_what, goods) => {
  const lines = ['T1', 'T2', 'T3'].map((no, i) => ({
    no,
    transaction_id: `4200${no}`,
    total: 100 + i,
    ...(no === 'T2' ? { goods } : {}),
  }));
  const plain = [...tradeBill(lines)].join('');
  expect(await numbersOf(plain)).toEqual(['T1 100', 'T2 101', 'T3 102']);
});

test('a text that forges the beginning of a row makes one row too many, and the bill is refused', async () => {
  const goods = `a,\`b,\`0.00000,\`0.60%,\`1.00,\`0.00,\`${SEPARATORS}\r\n\`2026-03-10 00:00:00,\`wx`;
  const bad = { no: 'T1', transaction_id: '4200T1', total: 100, goods };
  const plain = [...tradeBill([bad, { ...bad, no: 'T2', goods: '货' }])].join('');
  await expect(numbersOf(plain)).rejects.toMatchObject({
    code: 'BILL_UNREADABLE',
    retryable: false,
  });
});

test('rows that begin with no time are told by their back-tick', async () => {
  const lines = ['T1', 'T2'].map((no) => ({ no, transaction_id: `4200${no}`, total: 100 }));
  const plain = [...tradeBill(lines)].join('').replace(/`2026-03-10 /g, '`20260310 ');
  expect(await numbersOf(plain)).toEqual(['T1 100', 'T2 100']);
});

/** The bill with one of its sums changed. */
function spoiled(lines: Iterable<string>, place: number): string {
  const rows = [...lines].join('').trimEnd().split(/\r?\n/);
  const sums = (rows.pop() ?? '').slice(1).split(',`');
  sums[place] = sums[place] === '9' ? '8' : '9';
  return [...rows, sums.map((value) => `\`${value}`).join(',')].join('\r\n');
}

async function* pieceOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
const nothing = (): void => undefined;

const PAID = [1, 2].map((n) => ({ no: `T${n}`, transaction_id: `4200T${n}`, total: 100 * n }));
const TRADE = () => tradeBill([...PAID, { no: 'T1', out_refund_no: 'R1', refund: 50 }]);
const FUND = () => fundBill(PAID.map((one) => ({ ...one, paid: one.total, fee: 1 })));

test.each(
  '总交易单数 应结订单总金额 退款总金额 充值券退款总金额 手续费总金额 订单总金额 申请退款总金额'
    .split(' ')
    .map((name, place) => [name, place] as const),
)('a trade bill whose %s does not agree with its rows is refused', async (name, place) => {
  const read = readTradeBill(pieceOf(spoiled(TRADE(), place)), nothing, nothing);
  await expect(read).rejects.toThrow(name);
});

test.each(
  '资金流水总笔数 收入笔数 收入金额 支出笔数 支出金额'
    .split(' ')
    .map((name, place) => [name, place] as const),
)('a fund bill whose %s does not agree with its rows is refused', async (name, place) => {
  const read = readFundBill(pieceOf(spoiled(FUND(), place)), nothing, nothing);
  await expect(read).rejects.toThrow(name);
});

test('the same bills unspoiled are read', async () => {
  expect(await readTradeBill(pieceOf([...TRADE()].join('')), nothing, nothing)).toBe(3);
  expect(await readFundBill(pieceOf([...FUND()].join('')), nothing, nothing)).toBe(4);
});

test.each([
  ['no sums at all', (text: string) => text.slice(0, text.lastIndexOf('总交易单数'))],
  ['names of the sums alone', (text: string) => text.slice(0, text.lastIndexOf('`3.0'))],
  ['a sum too few', (text: string) => text.trimEnd().replace(/,`[^`]*$/, '')],
  ['text after the sums', (text: string) => `${text}\`1\r\n`],
  ['a column that is missing', (text: string) => text.replace('商户订单号,', '')],
  [
    'an amount that is none',
    (text: string) => text.replace(',`2.00,`0.00,`\r', ',`二元,`0.00,`\r'),
  ],
])('a trade bill with %s is refused', async (_what, spoil) => {
  const text = [...TRADE()].join('');
  expect(spoil(text)).not.toBe(text);
  const read = readTradeBill(pieceOf(spoil(text)), nothing, nothing);
  await expect(read).rejects.toMatchObject({ code: 'BILL_UNREADABLE', retryable: false });
});

test('a bill that cannot be read says in which row and column, in two languages, and no value', async () => {
  const text = [...TRADE()].join('');
  const wrong = text.replace('`0.01000,`0.60%,`2.00', '`一分,`0.60%,`2.00');
  expect(wrong).not.toBe(text);
  const fault = readTradeBill(pieceOf(wrong), nothing, nothing);
  await expect(fault).rejects.toMatchObject({
    detail: '交易账单第 2 行「手续费」不是金额 / trade bill, row 2, 手续费: no amount',
  });
  const narrow = text.replace('微信订单号,', '');
  await expect(readTradeBill(pieceOf(narrow), nothing, nothing)).rejects.toMatchObject({
    detail: '交易账单「微信订单号」一列缺失 / trade bill, 微信订单号: the column is missing',
  });
});

const MONEY = 'T1 6000 6000 36000\nT2 1000 800 5000';
/** The early format: 24 columns, 总金额, five sums. */
const LEGACY = [
  '\ufeff交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,' +
    '货币种类,总金额,企业红包金额,微信退款单号,商户退款单号,退款金额,企业红包退款金额,退款类型,退款状态,商品名称,' +
    '商户数据包,手续费,费率',
  '`2024-06-28 10:01:02,`wx1,`19,`0,`,`42T1,`T1,`oUser,`JSAPI,`SUCCESS,`OTHERS,`CNY,`60.00,`0.00,`0,`0,`0.00,' +
    '`0.00,`,`,`抱枕,红色,"大号",`{"k":["a","b"],"t":"`x,`y"},`0.36000,`0.60%',
  '`2024-06-28 10:05:00,`wx1,`19,`0,`,`42T2,`T2,`oUser,`JSAPI,`SUCCESS,`OTHERS,`CNY,`10.00,`2.00,`0,`0,`0.00,' +
    '`0.00,`,`,`2024-06-28 18:30 客户付款,`,`0.05000,`0.60%',
  '`2024-06-28 11:00:00,`wx1,`19,`0,`,`42T1,`T1,`oUser,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50R1,`R1,`3.00,' +
    '`0.00,`ORIGINAL,`SUCCESS,`抱枕,`,`0.00000,`0.60%',
  '总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额',
  '`3,`70.00,`3.00,`0.00,`0.41000',
].join('\n');

test('the early format of the trade bill is read by the names of its columns', async () => {
  const rows: TradeRow[] = [];
  const keep = (entry: { row(): TradeRow }): void => void rows.push(entry.row());
  expect(await readTradeBill(pieceOf(LEGACY), keep, nothing)).toBe(3);
  const money = rows.map((r) =>
    [r.out_trade_no, r.total_fen, r.settled_fen, r.fee_milli].join(' '),
  );
  expect(money.slice(0, 2).join('\n')).toBe(MONEY);
  expect(rows[2]).toMatchObject({ out_refund_no: 'R1', refund_fen: 300, refund_id: '50R1' });
});

test.each('总交易单数 总交易额 总退款金额 总企业红包退款金额 手续费总金额'.split(' '))(
  'the early format is refused where its %s does not agree',
  async (name) => {
    const place = LEGACY.split('\n').at(-2)?.split(',').indexOf(name) ?? -1;
    const read = readTradeBill(pieceOf(spoiled([LEGACY], place)), nothing, nothing);
    await expect(read).rejects.toThrow(name);
  },
);

const FUND_HEAD =
  '记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,' +
  '业务凭证号';

test.each([
  ['a payment', '交易,`交易,`收入', 'payment'],
  ['its fee, under the same name', '交易,`扣除交易手续费,`支出', 'fee'],
  ['a fee that a refund brings back', '交易,`退还交易手续费,`收入', 'other'],
  ['the fee of a refund', '退款,`退款,`支出', 'other'],
  ['money taken out', '提现,`提现,`支出', 'other'],
  ['what taking it out costs', '提现,`扣除提现手续费,`支出', 'other'],
  ['a transfer', '商家转账,`商家转账,`支出', 'other'],
  ['a share given away', '交易,`分账,`支出', 'other'],
  ['a payment of a bill without types', '交易,`,`收入', 'payment'],
  ['a fee of a bill without types', '扣除交易手续费,`,`支出', 'fee'],
])('what a row of the fund bill is says its type: %s', async (_what, row, kind) => {
  const out = row.endsWith('支出');
  const text =
    `\ufeff${FUND_HEAD}\n\`2024-06-28 10:01:02,\`4200,\`4200,\`${row},\`1.00,\`9.00,\`system,\`,\`V1\n` +
    `资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n` +
    (out ? '`1,`0,`0.00,`1,`1.00' : '`1,`1,`1.00,`0,`0.00');
  const kinds: string[] = [];
  await readFundBill(pieceOf(text), (entry) => void kinds.push(entry.kind), nothing);
  expect(kinds).toEqual([kind]);
});
