import { isUtf8 } from 'node:buffer';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON from outside → a plain object, or `undefined` for anything else (arrays, broken text, bytes that
 * are not UTF-8). Own keys named `__proto__` are dropped, so that no later copy can set a prototype.
 * The reviver runs only where such a key could hide (also written with \u escapes): it costs ten times
 * the parse.
 */
export function parseJsonObject(input: Buffer | string): JsonObject | undefined {
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

/** An object, or the JSON text of one: Integration Center was seen, or is feared, to send both. */
export function objectOrJson(value: unknown): JsonObject | undefined {
  if (typeof value === 'string') return parseJsonObject(value);
  return isJsonObject(value) ? value : undefined;
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
