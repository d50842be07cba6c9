/** What the doctor found: a code for each thing it looked at. The sentences stand in `words/`. */
import type { FaultCode } from '../../config/faultWords';
import type { Severity } from './words/row';
import { CATALOGUE, sentences, type OwnCode } from './words';

export interface Finding {
  readonly code: OwnCode | FaultCode;
  /** The setting, or the entry of `merchantsFile`, that it is about. */
  readonly setting?: string;
  readonly severity: Severity;
  /** What the sentences name; never a secret. */
  readonly params?: Readonly<Record<string, string>>;
}

export interface About {
  readonly setting?: string;
  readonly params?: Readonly<Record<string, string | number>>;
}

export function found(code: OwnCode, { setting, params }: About = {}): Finding {
  const texts = Object.entries(params ?? {}).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return {
    code,
    severity: CATALOGUE[code].severity,
    ...(setting === undefined ? {} : { setting }),
    ...(texts.length === 0 ? {} : { params: Object.fromEntries<string>(texts) }),
  };
}

/** One string to search for: the setting, where there is one, and the code. */
export const idOf = ({ setting, code }: Finding): string =>
  setting === undefined ? code : `${setting.replaceAll(', ', '+')}.${code}`;

export type ShownFinding = ReturnType<typeof jsonOf>;

/** As `--json` prints it. */
export function jsonOf(finding: Finding) {
  const { says, fix, faq } = sentences(finding);
  const [zh, en] = says;
  return {
    id: idOf(finding),
    ...finding,
    zh,
    en,
    ...(fix === undefined ? {} : { fix_zh: fix[0], fix_en: fix[1] }),
    ...(faq === undefined ? {} : { faq }),
  };
}
