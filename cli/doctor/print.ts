import { idOf, type Finding } from './findings';
import type { Answered } from './faq';
import type { Language } from './language';
import { sentences } from './words';
import type { Words } from './words/row';

const MARK = { ok: '✓', warn: '!', fault: '✗' } as const;
const ORDER = ['fault', 'warn', 'ok'] as const;

const chosen = ([zh, en]: Words, language: Language): readonly string[] =>
  language === 'both' ? [zh, en] : [language === 'zh' ? zh : en];

const indented = (lines: readonly string[], lead = ''): string =>
  lines.map((text) => `    ${lead}${text}\n`).join('');

/** A remedy that several findings in a row share is printed once, after the last of them. */
function one(finding: Finding, next: Finding | undefined, language: Language): string {
  const { says, fix, faq } = sentences(finding);
  const lines = chosen(says, language);
  const mark = MARK[finding.severity];
  if (finding.severity === 'ok') {
    const [first = '', ...others] = lines;
    return `${mark} ${first}\n${others.map((text) => `  ${text}\n`).join('')}`;
  }
  const head = `${mark} ${idOf(finding)}${faq === undefined ? '' : `  (${faq})`}\n`;
  const isRepeated = next !== undefined && sentences(next).fix?.[0] === fix?.[0];
  const remedy = fix === undefined || isRepeated ? '' : indented(chosen(fix, language), '→ ');
  return head + indented(lines) + remedy;
}

const VERDICT = {
  zh: (faults: number, warnings: number) => `故障 ${faults}，提醒 ${warnings}`,
  en: (faults: number, warnings: number) => `faults ${faults}, warnings ${warnings}`,
  both: (faults: number, warnings: number) => `故障 faults ${faults}，提醒 warnings ${warnings}`,
} as const;

export function report(findings: readonly Finding[], language: Language): string {
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const sorted = ORDER.flatMap((severity) => findings.filter((f) => f.severity === severity));
  const text = sorted.map((finding, i) => one(finding, sorted[i + 1], language)).join('');
  return `${text}\n${VERDICT[language](count('fault'), count('warn'))}\n`;
}

export function answers(faq: readonly Answered[], language: Language): string {
  return faq
    .map(({ id, question, answer }) => {
      const [first = '', ...others] = chosen(question, language);
      const asked = `${id}  ${first}\n${others.map((text) => `    ${text}\n`).join('')}`;
      return asked + indented(chosen(answer, language), '→ ');
    })
    .join('\n');
}
