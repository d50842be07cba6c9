/** Our clock against WeChat's `Date`. When it is five minutes off, every signature is refused. */
import { found, type Finding } from './findings';

const WINDOW_MS = 5 * 60_000;
/** `Date` counts whole seconds and was written a moment ago: so close to the limit, a signature fails now and then. */
const MARGIN_MS = 10_000;
const DRIFT_MS = 30_000;

export function clockFindings(date: string | undefined, nowMs: number): Finding[] {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return [];
  const offMs = nowMs - theirs;
  const params = { seconds: Math.round(offMs / 1000) };
  if (Math.abs(offMs) >= WINDOW_MS - MARGIN_MS) return [found('clock.off', { params })];
  return [found(Math.abs(offMs) >= DRIFT_MS ? 'clock.drift' : 'clock.right', { params })];
}

export const isClockOff = (findings: readonly Finding[]): boolean =>
  findings.some(({ code }) => code === 'clock.off');
