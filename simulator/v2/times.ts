import { compactTime } from '../time';

/** `yyyyMMddHHmmss` in Beijing time → milliseconds; NaN for anything else. */
export function parseCompact(text: string): number {
  const m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (m === null) return NaN;
  const [, y = '', mo = '', d = '', h = '', mi = '', s = ''] = m;
  const ms = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}+08:00`);
  return Number.isNaN(ms) || compactTime(ms) !== text ? NaN : ms;
}
