/**
 * Reads the structure of a JSON text without parsing it, so that `JSON.parse` only sees texts of a bounded cost.
 * A hostile text of 256 kB with one value every two bytes takes the parser fifty times longer than a string of
 * that length.
 */

/** Deeper than any body of ours or of WeChat's. */
const DEPTH_MAX = 12;
/** A combined order of 50 parts with all its details has a third of this. */
export const VALUES_MAX = 4096;

export type JsonFault = 'depth' | 'values' | 'duplicate' | 'proto';

/** Shared by all texts of one message: what one uses up, the next no longer has. */
export interface JsonBudget {
  valuesLeft: number;
}

export const jsonBudget = (): JsonBudget => ({ valuesLeft: VALUES_MAX });

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

/** The keys seen in each object that is open at this place of the text. */
type OpenKeys = (Set<string> | undefined)[];

/**
 * Finds what `JSON.parse` would accept silently: deep nesting, very many values, a key given twice (a proxy in front
 * of us may have read the other one) and `__proto__`. Stops at the first fault. Leaves broken JSON to the parser.
 */
export function faultOfJson(text: string, budget: JsonBudget): JsonFault | undefined {
  const keys: OpenKeys = [];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      const fault = isKey(text, end) ? faultOfKey(text.slice(i, end), keys) : undefined;
      if (fault !== undefined) return fault;
      i = end - 1;
    } else if (c === COMMA) {
      if (--budget.valuesLeft < 0) return 'values';
    } else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (keys.push(undefined) > DEPTH_MAX) return 'depth';
      if (--budget.valuesLeft < 0) return 'values';
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) keys.pop();
  }
  return undefined;
}

function faultOfKey(literal: string, keys: OpenKeys): JsonFault | undefined {
  const key = unescaped(literal);
  if (key === '__proto__') return 'proto';
  if (keys.length === 0) return undefined;
  const seen = (keys[keys.length - 1] ??= new Set());
  if (seen.has(key)) return 'duplicate';
  seen.add(key);
  return undefined;
}

/** The place after the closing quote. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) break;
    i += c === BACKSLASH ? 2 : 1;
  }
  return Math.min(i + 1, text.length);
}

function isKey(text: string, end: number): boolean {
  let i = end;
  while (isSpace(text.charCodeAt(i))) i++;
  return text.charCodeAt(i) === COLON;
}

function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}
