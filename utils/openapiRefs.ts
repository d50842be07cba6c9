/** The document with each reference replaced by its target. No part of ours contains itself. */
import type { Json } from './json';

export function withoutRefs<T>(document: Json): T {
  const inline = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inline);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { $ref?: unknown };
    if (typeof $ref === 'string') return inline(partOf(document, $ref));
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inline(one)]));
  };
  return inline(document) as T;
}

/** @param ref as `#/components/schemas/Failure` */
function partOf(document: Json, ref: string): unknown {
  let part: unknown = document;
  for (const key of ref.split('/').slice(1)) part = (part as Json | undefined)?.[key];
  if (part === undefined) throw new Error(`${ref} leads nowhere`);
  return part;
}
