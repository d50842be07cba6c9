/** Reads request bodies: first raw bytes, then JSON, with limits on both. A text has exactly one meaning here. */
import { isUtf8 } from 'node:buffer';
import { ValidationError } from './errors';
import { faultOfJson, jsonBudget, type JsonFault } from './jsonScan';

const FAULTS: Readonly<Record<JsonFault, string>> = {
  depth: '嵌套过深 / too deep',
  values: '字段过多 / too many values',
  duplicate: '重复的字段 / a field given twice',
  proto: '__proto__',
};

/**
 * The JSON object in these bytes. An empty body is `{}`.
 * @throws ValidationError BODY_INVALID: not UTF-8, not JSON, not an object, too deep, with too many values, with a
 *   key twice or with `__proto__`. A byte order mark is not JSON.
 */
export function parseJsonObject(raw: Buffer): Readonly<Record<string, unknown>> {
  if (raw.length === 0) return {};
  if (!isUtf8(raw)) throw new ValidationError('BODY_INVALID', { detail: 'UTF-8' });
  const text = raw.toString('utf8');
  const fault = faultOfJson(text, jsonBudget());
  if (fault !== undefined) throw new ValidationError('BODY_INVALID', { detail: FAULTS[fault] });
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
