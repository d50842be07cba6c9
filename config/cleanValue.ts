/**
 * Takes off what forms, chat windows and JSON files leave around a value. Names what looks the same but cannot be
 * taken off without guessing. One place for all settings.
 */

const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060\ufeff]/g;
const QUOTES: readonly (readonly [open: string, close: string])[] = [
  ['\\"', '\\"'],
  ['"', '"'],
  ["'", "'"],
  ['`', '`'],
  ['“', '”'],
  ['”', '“'],
  ['”', '”'],
  ['“', '“'],
  ['‘', '’'],
  ['’', '’'],
  ['‘', '‘'],
  ['「', '」'],
  ['『', '』'],
  ['《', '》'],
  ['«', '»'],
  ['＂', '＂'],
  ['＇', '＇'],
];
/** Quotes in quotes: a form around a JSON file around a value. */
const LAYERS_MAX = 4;
const ANY_QUOTE = /["'`“”‘’「」『』《》«»＂＇]/;

/** The value between the quotes, or undefined. `"a","b"` is a list of quoted values, not one quoted value. */
function unquoted(value: string): string | undefined {
  // As copied out of a JSON file, with what follows the value there.
  const bare = /["'”’」]\s*[,;，；]$/.test(value) ? value.slice(0, -1).trimEnd() : value;
  for (const [open, close] of QUOTES) {
    const long = bare.length >= open.length + close.length;
    if (!long || !bare.startsWith(open) || !bare.endsWith(close)) continue;
    const inner = bare.slice(open.length, bare.length - close.length);
    if (!inner.includes(open) && !inner.includes(close)) return inner;
  }
  return undefined;
}

/** A value without the blanks, invisible characters and quotes around it. */
export function cleanValue(value: string): string {
  let text = value.replace(INVISIBLE, '').trim();
  for (let layer = 0; layer < LAYERS_MAX; layer++) {
    const inner = unquoted(text);
    if (inner === undefined) return text;
    text = inner.trim();
  }
  return text;
}

export type Suspicion = 'quote' | 'blank' | 'wide';

/** The kind of character in a cleaned value that is probably not meant; undefined where there is none. */
export function suspicionOf(value: string): Suspicion | undefined {
  if (ANY_QUOTE.test(value)) return 'quote';
  if (/[\s\u0000-\u001f\u007f]/.test(value)) return 'blank';
  return /[\u2010-\u2015\u3000-\uffef]/.test(value) ? 'wide' : undefined;
}

const PATH =
  /^(?:file:|~?[\\/]|\.{1,2}[\\/]|[A-Za-z]:[\\/])|\.(?:pem|key|p12|pfx|crt|cer|der|txt)$/i;
const PATH_CHARS_MAX = 300;

/** A file's name where its content belongs. The body of a key is far longer. */
export const isPath = (text: string): boolean => text.length <= PATH_CHARS_MAX && PATH.test(text);

/** How many letters must be changed, added or left out to make one of the other; stops counting past `max`. */
export function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? max + 1;
}
