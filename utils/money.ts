/** Amounts are integers in fen (分). No other file does arithmetic on them. */

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

const YUAN5 = /^(-?)(\d{1,10})(?:\.(\d{1,5})0*)?$/;

/** Fees have five decimals: `0.01250` → 1250, in thousandths of a fen; `undefined` for anything else. */
export function yuanToMilliFen(text: string): number | undefined {
  const m = YUAN5.exec(text.trim());
  if (m === null) return undefined;
  const milli = Number(m[2]) * 100_000 + Number((m[3] ?? '').padEnd(5, '0'));
  return m[1] === '-' ? -milli : milli;
}

const [ZERO, NINE, POINT, MINUS, SPACE] = [48, 57, 46, 45, 32];
/** So many digits always make a safe integer. */
const DIGITS_MAX = 15;

/** Some of the bytes of a text. */
export interface Bytes {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Digits with a point, as a whole number of the last of `decimals` places; further ones must be zeros. */
function bytesToScaled({ bytes, from, to }: Bytes, decimals: number): number {
  let at = from;
  let end = to;
  while (at < end && bytes[at] === SPACE) at++;
  while (end > at && bytes[end - 1] === SPACE) end--;
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  let value = 0;
  let whole = 0;
  let places = -1;
  for (; at < end; at++) {
    const c = bytes[at] ?? 0;
    if (c === POINT && places < 0) {
      places = 0;
      continue;
    }
    if (c < ZERO || c > NINE) return NaN;
    if (places >= 0 && ++places > decimals) {
      if (c !== ZERO) return NaN;
      continue;
    }
    if (places < 0) whole++;
    value = value * 10 + (c - ZERO);
  }
  if (whole === 0 || whole > DIGITS_MAX - decimals || places === 0) return NaN;
  for (let i = Math.max(0, places); i < decimals; i++) value *= 10;
  return negative ? -value : value;
}

/** `yuanToFen` of bytes, without creating objects; NaN for anything that is not an amount. */
export const bytesToFen = (text: Bytes): number => bytesToScaled(text, 2);

/** `yuanToMilliFen` of bytes; NaN for anything that is not an amount. */
export const bytesToMilliFen = (text: Bytes): number => bytesToScaled(text, 5);
