/** Our clock against WeChat's `Date`. Five minutes off, and every signature is refused. */
import { fault, ok, warn, type Finding } from './findings';

const WINDOW_MS = 5 * 60_000;
/** `Date` counts whole seconds and was written a moment ago: so close to the edge it fails now and then. */
const MARGIN_MS = 10_000;
const DRIFT_MS = 30_000;
const FIX = ['开启时间同步（NTP）', 'switch time synchronisation (NTP) on'] as const;

export function clockFindings(date: string | undefined, nowMs: number): Finding[] {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return [];
  const offMs = nowMs - theirs;
  const seconds = Math.round(offMs / 1000);
  const zh = `本机时间与微信支付相差 ${seconds} 秒`;
  const en = `this clock differs from WeChat Pay's by ${seconds} s`;
  if (Math.abs(offMs) >= WINDOW_MS - MARGIN_MS) {
    return [
      fault('clock.off', [`${zh}，签名会被拒绝`, `${en}: signatures are refused`], { fix: FIX }),
    ];
  }
  if (Math.abs(offMs) >= DRIFT_MS) return [warn('clock.drift', [zh, en], { fix: FIX })];
  return [ok('clock.right', [zh, en])];
}

export const isClockOff = (findings: readonly Finding[]): boolean =>
  findings.some(({ id }) => id === 'clock.off');
