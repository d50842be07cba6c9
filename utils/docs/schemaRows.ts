/** A schema as rows of a table: one a field, inner ones under a dotted name, alternatives beside each other, once. */
import { bilingual, code, escape } from './markup';

export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

export interface Field {
  readonly name: string;
  readonly schema: Schema;
  readonly required: boolean;
}

const partsOf = ({ anyOf = [], oneOf = [] }: Schema): readonly Schema[] => [...anyOf, ...oneOf];

/** @returns by dotted name; `[]` stands for each of a list. */
export function fieldsOf(schema: Schema, prefix = ''): ReadonlyMap<string, Field> {
  const found = new Map<string, Field>();
  const add = (fields: ReadonlyMap<string, Field>): void => {
    for (const [name, field] of fields) if (!found.has(name)) found.set(name, field);
  };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = prefix + name;
    const required = schema.required?.includes(name) === true;
    found.set(at, { name: at, schema: field, required });
    add(fieldsOf(field, `${at}.`));
    if (field.items !== undefined) add(fieldsOf(field.items, `${at}[].`));
  }
  for (const part of partsOf(schema)) add(fieldsOf(part, prefix));
  return found;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined)
    return schema.enum.map((one) => code(JSON.stringify(one))).join(' ');
  if (schema.items !== undefined) return `${escape(String(schema.items.type ?? 'any'))}[]`;
  if (schema.type !== undefined) return escape([schema.type].flat().join(' | '));
  const parts = partsOf(schema).map(({ type }) => [type ?? []].flat().join(' | '));
  return escape([...new Set(parts)].filter((one) => one !== '').join(' | '));
}

const CHARS = ['characters', '个字符'] as const;
const ITEMS = ['items', '项'] as const;

function range(
  low: number | undefined,
  high: number | undefined,
  [en, zh]: readonly [string, string] = ['', ''],
): string[] {
  if (low === undefined && high === undefined) return [];
  const [from, to] = [low, high].map((end) => end?.toLocaleString('en-US'));
  const ends = from === undefined ? `≤ ${String(to)}` : `${from}–${to ?? ''}`;
  return [bilingual(`${ends} ${en} · ${ends} ${zh}`)];
}

/** What a value must be besides its type. */
const limitsOf = (schema: Schema): string =>
  [
    ...range(schema.minimum, schema.maximum),
    ...range(schema.minLength, schema.maxLength, CHARS),
    ...range(schema.minItems, schema.maxItems, ITEMS),
  ].join(' ');

const PATTERN_CHARS_MAX = 40;
/** Long ones, and those of code points, tell a reader nothing that the words beside them do not. */
const isTelling = (pattern: string): boolean =>
  pattern.length <= PATTERN_CHARS_MAX && !pattern.includes('\\u');

function row({ name, schema, required }: Field, mark: string): string {
  const cut = name.lastIndexOf('.') + 1;
  const path = `<i>${escape(name.slice(0, cut))}</i>${escape(name.slice(cut))}`;
  const limits = limitsOf(schema);
  const pattern =
    schema.pattern === undefined || !isTelling(schema.pattern)
      ? ''
      : `<div class="pattern">${code(schema.pattern)}</div>`;
  return (
    `<tr><td><code class="name">${path}</code>${required ? '<b class="must" title="required · 必填">*</b>' : ''}${mark}</td>` +
    `<td class="type">${typeOf(schema)}${limits === '' ? '' : `<small>${limits}</small>`}</td>` +
    `<td>${bilingual(schema.description ?? '')}${pattern}</td></tr>`
  );
}

/** @param mark what stands behind a field's name. */
export function fieldTable(
  fields: Iterable<Field>,
  mark: (name: string) => string = () => '',
): string {
  const rows = [...fields].map((field) => row(field, mark(field.name)));
  if (rows.length === 0) return '';
  const heads = ['Field · 字段', 'Type · 类型', 'Meaning · 说明'];
  const head = heads.map((text) => `<th scope="col">${bilingual(text)}</th>`).join('');
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}
