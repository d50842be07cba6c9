const BEIJING_OFFSET_MS = 8 * 3600 * 1000;

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** RFC 3339 in Beijing time, whole seconds: `2026-01-02T03:04:05+08:00`. */
export function rfc3339(ms: number): string {
  return `${new Date(ms + BEIJING_OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

/** As `rfc3339`, with milliseconds: seen in transfer notifications. */
export function rfc3339Milli(ms: number): string {
  return `${new Date(ms + BEIJING_OFFSET_MS).toISOString().slice(0, 23)}+08:00`;
}

/** `2026-01-02 03:04:05` in Beijing time, as bills write it. */
export function billTime(ms: number): string {
  return rfc3339(ms).slice(0, 19).replace('T', ' ');
}

/** The Beijing day `YYYY-MM-DD` a moment falls in. */
export function beijingDate(ms: number): string {
  return rfc3339(ms).slice(0, 10);
}

/** Milliseconds of a Beijing day's first moment; NaN when there is no such day. */
export function beijingDayStart(date: string): number {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return NaN;
  const ms = Date.parse(`${date}T00:00:00+08:00`);
  return Number.isNaN(ms) || beijingDate(ms) !== date ? NaN : ms;
}

/** `yyyyMMddHHmmss` in Beijing time, used inside WeChat's numbers. */
export function compactTime(ms: number): string {
  return rfc3339(ms).slice(0, 19).replace(/\D/g, '');
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** Parses RFC 3339 with zone; NaN for anything else. */
export function parseRfc3339(text: string): number {
  return RFC3339.test(text) ? Date.parse(text) : NaN;
}
