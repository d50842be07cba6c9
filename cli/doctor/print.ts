import type { Answered } from './faq';
import type { Finding } from './findings';

const MARK = { ok: '✓', warn: '!', fault: '✗' } as const;
const ORDER = ['fault', 'warn', 'ok'] as const;

const line = (text: string): string => `    ${text}\n`;

/** A remedy that several findings in a row share is printed once, after the last of them. */
function one(finding: Finding, next: Finding | undefined): string {
  const { severity, id, zh, en, fix_zh, fix_en, faq } = finding;
  if (severity === 'ok') return `${MARK.ok} ${zh} / ${en}\n`;
  const head = `${MARK[severity]} ${id}${faq === undefined ? '' : `  (${faq})`}\n`;
  const again = fix_zh === undefined || next?.fix_zh === fix_zh;
  const fix = again ? '' : line(`→ ${fix_zh}`) + line(`→ ${fix_en ?? ''}`);
  return head + line(zh) + line(en) + fix;
}

export function report(findings: readonly Finding[]): string {
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const sorted = ORDER.flatMap((severity) => findings.filter((f) => f.severity === severity));
  const faults = count('fault');
  const verdict =
    faults === 0
      ? `没有故障 no faults，提醒 warnings ${count('warn')}`
      : `故障 faults ${faults}，提醒 warnings ${count('warn')}`;
  return `${sorted.map((finding, i) => one(finding, sorted[i + 1])).join('')}\n${verdict}\n`;
}

export function answers(faq: readonly Answered[]): string {
  return faq
    .map(({ id, question, answer }) => {
      const [zh, en] = question;
      return `${id}  ${zh} / ${en}\n${line(answer[0])}${line(answer[1])}`;
    })
    .join('\n');
}
