/** RFC 3339 in Beijing time, as WeChat writes it: `2026-01-02T03:04:05+08:00`. */

export const DAY_MS = 24 * 3600_000;
const BEIJING_OFFSET_MS = 8 * 3600 * 1000;

/** Milliseconds → `YYYY-MM-DDTHH:mm:ss+08:00` (fractions of a second are cut). */
export function toRfc3339(ms: number): string {
  return new Date(ms + BEIJING_OFFSET_MS).toISOString().slice(0, 19) + '+08:00';
}

/** Milliseconds → `YYYYMMDDHHmmss` in Beijing time, as API v2 writes it. */
export const toCompactTime = (ms: number): string => toRfc3339(ms).slice(0, 19).replace(/\D/g, '');

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** RFC 3339 with zone → milliseconds; `undefined` for anything else, also for a date that is none. */
export function fromRfc3339(text: unknown): number | undefined {
  if (typeof text !== 'string' || !RFC3339.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** The Beijing day of a moment: `YYYY-MM-DD`. */
export function beijingDay(ms: number): string {
  return new Date(ms + BEIJING_OFFSET_MS).toISOString().slice(0, 10);
}

/** First millisecond of a Beijing day `YYYY-MM-DD`. */
export function beijingDayStart(day: string): number {
  return Date.parse(`${day}T00:00:00+08:00`);
}
