/** What the doctor says: one finding for each thing it looked at, with what to do about it. */

import type { Words } from '../../config/faultWords';

export type { Words };

export type Severity = 'ok' | 'warn' | 'fault';

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly zh: string;
  readonly en: string;
  readonly fix_zh?: string;
  readonly fix_en?: string;
  /** The question of the FAQ it answers (`doctor --faq`). */
  readonly faq?: `Q${number}`;
}

export interface More {
  readonly fix?: Words | undefined;
  readonly faq?: Finding['faq'] | undefined;
}

function finding(severity: Severity, id: string, [zh, en]: Words, { fix, faq }: More): Finding {
  return {
    id,
    severity,
    zh,
    en,
    ...(fix === undefined ? {} : { fix_zh: fix[0], fix_en: fix[1] }),
    ...(faq === undefined ? {} : { faq }),
  };
}

export const ok = (id: string, words: Words): Finding => finding('ok', id, words, {});
export const warn = (id: string, words: Words, more: More = {}): Finding =>
  finding('warn', id, words, more);
export const fault = (id: string, words: Words, more: More = {}): Finding =>
  finding('fault', id, words, more);
