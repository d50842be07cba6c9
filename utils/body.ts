/** Reads request bodies: raw bytes first, JSON after, with bounds on both. One text has one meaning here. */
import { isUtf8 } from 'node:buffer';
import { ValidationError } from './errors';

/** Deeper than any body of ours: a bound on what the schema check has to walk. */
const DEPTH_MAX = 12;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

/**
 * What `JSON.parse` would pass in silence, found in the text before it: nesting without end, a key given
 * twice (who stands in front of us may have read the other one) and `__proto__`. Text that is no JSON at all
 * is left to the parser.
 *
 * @returns in words what is wrong, or undefined.
 */
function faultIn(text: string): string | undefined {
  const keys: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (OPEN.has(c)) {
      if (keys.push(new Set()) > DEPTH_MAX) return '嵌套过深 / too deep';
    } else if (CLOSE.has(c)) keys.pop();
    else if (c === QUOTE) {
      const end = endOfString(text, i);
      const fault = isKey(text, end) ? faultOfKey(text.slice(i, end), keys.at(-1)) : undefined;
      if (fault !== undefined) return fault;
      i = end - 1;
    }
  }
  return undefined;
}

function faultOfKey(literal: string, seen: Set<string> | undefined): string | undefined {
  const key = unescaped(literal);
  if (key === '__proto__') return '__proto__';
  if (seen?.has(key) === true) return '重复的字段 / a field given twice';
  seen?.add(key);
  return undefined;
}

/** The place after the closing quote. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) {
    i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
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

/**
 * The JSON object in these bytes. An empty body is `{}`.
 * @throws ValidationError BODY_INVALID: not UTF-8, not JSON, not an object, too deep, with a key twice or
 *   with `__proto__`. A byte order mark is no JSON.
 */
export function parseJsonObject(raw: Buffer): Readonly<Record<string, unknown>> {
  if (raw.length === 0) return {};
  if (!isUtf8(raw)) throw new ValidationError('BODY_INVALID', { detail: 'UTF-8' });
  const text = raw.toString('utf8');
  const fault = faultIn(text);
  if (fault !== undefined) throw new ValidationError('BODY_INVALID', { detail: fault });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ValidationError('BODY_INVALID', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ValidationError('BODY_INVALID', { detail: '应为对象 / must be an object' });
  }
  return value as Readonly<Record<string, unknown>>;
}

/** `application/json`, with or without parameters; nothing else. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json';
}
