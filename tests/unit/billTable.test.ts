import { createNumberTable } from '../../services/reconcile/numberTable';
import { yuanToMilliFen } from '../../utils/money';

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
    const [a, b] = table.values(at);
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
