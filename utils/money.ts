/** Amounts are integers in fen (分). No other file does arithmetic on them. */

export const FEN_MAX = 1_000_000_000;

export function isFen(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function sumFen(values: readonly number[]): number {
  let total = 0;
  for (const value of values) {
    if (!isFen(value)) throw new RangeError('not an amount in fen');
    total += value;
  }
  return total;
}

const YUAN = /^(-?)(\d{1,13})(?:\.(\d{1,2})0*)?$/;

/** `12.30` → 1230, by text and never by float; `undefined` for anything that is not an amount. */
export function yuanToFen(text: string): number | undefined {
  const m = YUAN.exec(text.trim());
  if (m === null) return undefined;
  const fen = Number(m[2]) * 100 + Number((m[3] ?? '').padEnd(2, '0'));
  return m[1] === '-' ? -fen : fen;
}

/** 1230 → `12.30`. */
export function fenToYuan(fen: number): string {
  const sign = fen < 0 ? '-' : '';
  const text = String(Math.abs(fen)).padStart(3, '0');
  return `${sign}${text.slice(0, -2)}.${text.slice(-2)}`;
}

const YUAN5 = /^(-?)(\d{1,10})(?:\.(\d{1,5})0*)?$/;

/** Fees have five decimals: `0.01250` → 1250, in thousandths of a fen; `undefined` for anything else. */
export function yuanToMilliFen(text: string): number | undefined {
  const m = YUAN5.exec(text.trim());
  if (m === null) return undefined;
  const milli = Number(m[2]) * 100_000 + Number((m[3] ?? '').padEnd(5, '0'));
  return m[1] === '-' ? -milli : milli;
}
