/** Words for the readers of the API document. A schema says each thing in English and in Chinese. */

const BETWEEN = ' · ';

export const both = (en: string, zh: string): string => `${en}${BETWEEN}${zh}`;

/** Adds a sentence to a description in both of its languages. */
export function andBoth(description: string | undefined, en: string, zh: string): string {
  if (description === undefined) return both(en, zh);
  const [english = '', chinese = ''] = description.split(BETWEEN);
  return both(`${english}. ${en}`, `${chinese}。${zh}`);
}
