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
  await expect(numbersOf(plain)).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
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
  await expect(read).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
});
