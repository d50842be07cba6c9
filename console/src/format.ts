/** Money and time as people read and type them. Amounts are integers in fen everywhere else. */

export const yuan = (fen: number): string => {
  const sign = fen < 0 ? '-' : '';
  const whole = Math.floor(Math.abs(fen) / 100);
  const cents = String(Math.abs(fen) % 100).padStart(2, '0');
  return `${sign}¥${whole.toLocaleString('en-US')}.${cents}`;
};

/** `12`, `12.3`, `12.34` → fen; anything else undefined. No floating point: 0.29 must stay 29. */
export function fenFromYuan(text: string): number | undefined {
  const found = /^(\d{1,8})(?:\.(\d{1,2}))?$/.exec(text.trim());
  if (found === null) return undefined;
  const [, whole = '', cents = ''] = found;
  const fen = Number(whole) * 100 + Number(cents.padEnd(2, '0'));
  return fen > 0 ? fen : undefined;
}

const DAY_MS = 86_400_000;
const BEIJING_MS = 8 * 3_600_000;

const beijing = (ms: number): string => new Date(ms + BEIJING_MS).toISOString();

/** The Beijing day of a moment, `YYYY-MM-DD`. */
export const dayOf = (moment: string): string => beijing(Date.parse(moment)).slice(0, 10);

/** The last `count` Beijing days, today last. */
export const lastDays = (count: number, now = Date.now()): string[] =>
  Array.from({ length: count }, (_, i) => beijing(now - (count - 1 - i) * DAY_MS).slice(0, 10));

export const nextDay = (day: string): string =>
  lastDays(1, Date.parse(`${day}T00:00:00+08:00`) + DAY_MS)[0] ?? day;

/** `2026-01-02 03:04:05`, Beijing. */
export const momentText = (moment: string): string =>
  beijing(Date.parse(moment)).slice(0, 19).replace('T', ' ');
