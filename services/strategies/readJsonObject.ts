import { isUtf8 } from 'node:buffer';
import { faultOfJson, type JsonBudget } from '../../utils/jsonScan';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON from outside → a plain object, or `undefined` for anything else (arrays, broken text, bytes that
 * are not UTF-8). Own keys named `__proto__` are dropped, so that no later copy can set a prototype.
 * The reviver runs only where such a key could hide (also written with \u escapes): it costs ten times
 * the parse.
 */
export function readJsonObject(input: Buffer | string): JsonObject | undefined {
  if (typeof input !== 'string' && !isUtf8(input)) return undefined;
  const text = typeof input === 'string' ? input : input.toString('utf8');
  const suspicious = text.includes('__proto__') || text.includes('\\u');
  try {
    const value: unknown = suspicious ? JSON.parse(text, dropProto) : JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // Broken text, or nesting too deep for the reviver: either way not a message of WeChat's.
    return undefined;
  }
}

/** Integration Center's parts: longer than any genuine one. */
const PART_CHARS_MAX = 64 * 1024;

/**
 * JSON whose sender is not proven → a plain object. Nothing is parsed that is deeper or has more values than the
 * budget of its message allows; a key given twice or `__proto__` makes it no object.
 */
export function parseUnproven(input: Buffer | string, budget: JsonBudget): JsonObject | undefined {
  if (typeof input !== 'string' && !isUtf8(input)) return undefined;
  const text = typeof input === 'string' ? input : input.toString('utf8');
  if (faultOfJson(text, budget) !== undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An object, or the JSON text of one: Integration Center may send both. */
export function partOf(value: unknown, budget: JsonBudget): JsonObject | undefined {
  if (typeof value !== 'string') return isJsonObject(value) ? value : undefined;
  return value.length > PART_CHARS_MAX ? undefined : parseUnproven(value, budget);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-empty string of the object's own, else `undefined`. */
export function textOf(object: JsonObject | undefined, key: string): string | undefined {
  if (object === undefined || !Object.hasOwn(object, key)) return undefined;
  const value = object[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function dropProto(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}
