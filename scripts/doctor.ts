/** `docs/doctor.md`, made from the catalogue of findings. `scripts/settings.ts` writes it. */
import { CATALOGUE } from '../cli/doctor/words';
import type { Row, Words } from '../cli/doctor/words/row';
import { FAULT_WORDS } from '../config/faultWords';

const HEAD = `# 诊断结果 / Findings of \`doctor\`

Made by \`npx tsx scripts/settings.ts\` from \`cli/doctor/words/\` and \`config/faultWords.ts\`; do not edit by hand.
How to run it: [cli.md](cli.md#doctor). \`{x}\` stands for what was found.

\`node bin/pay-common doctor\` 的全部结果代码；用法见 [cli.md](cli.md#doctor)。\`{x}\` 处为实际内容。

## 检查结果 / What was looked at

With \`--json\` a finding about one setting has the id \`SETTING.CODE\`, like \`notifyURLPayURL.path\`; any other has its code as id.

| code | severity | 含义 meaning | 处理 remedy | FAQ |
|---|---|---|---|---|
`;

const FAULTS = `
## 设置的错误 / Faults of settings

The id is \`SETTING.CODE\`, like \`appId.not_appid\`. The service itself reports the same faults in \`/healthz\` and in its log.
同样的错误也见于 \`/healthz\` 与日志。

| code | 含义 meaning |
|---|---|
`;

const cell = ([zh, en]: Words): string => (zh === en ? zh : `${zh}<br>${en}`).replace(/\|/g, '\\|');

export function doctorPage(): string {
  const rows: readonly (readonly [string, Row])[] = Object.entries(CATALOGUE);
  const own = rows.map(
    ([code, { severity, says, fix, faq = '' }]) =>
      `| \`${code}\` | ${severity} | ${cell(says)} | ${fix === undefined ? '' : cell(fix)} | ${faq} |\n`,
  );
  const faults = Object.entries(FAULT_WORDS).map(
    ([code, words]) => `| \`${code}\` | ${cell(words)} |\n`,
  );
  return HEAD + own.join('') + FAULTS + faults.join('');
}
