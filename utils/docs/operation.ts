/** One operation of the document as a section that opens: who may call, what to send, what comes back. */
import { bilingual, code, escape } from './markup';
import { fieldsOf, fieldTable, type Field, type Schema } from './schemaRows';

interface Example {
  readonly summary: string;
  readonly value: unknown;
}

interface Media {
  readonly schema: Schema & { readonly allOf?: readonly Schema[] };
  readonly examples?: Readonly<Record<string, Example>>;
}

interface Content {
  readonly content?: Readonly<Record<string, Media>>;
}

interface Response extends Content {
  readonly description: string;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly (Omit<Field, 'required'> & {
    readonly description?: string;
    readonly in: string;
    readonly required: boolean;
  })[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const mediaOf = ({ content = {} }: Content): readonly [string, Media] | undefined =>
  Object.entries(content)[0];

const pretty = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value, null, 2);

const example = (title: string, text: string): string =>
  `<figure><figcaption>${bilingual(title)}</figcaption><pre tabindex="0">${escape(text)}</pre></figure>`;

const examplesOf = (media: Media | undefined): string =>
  Object.values(media?.examples ?? {})
    .map(({ summary, value }) => example(summary, pretty(value)))
    .join('');

const heading = (text: string): string => `<h4>${bilingual(text)}</h4>`;

function parameters({ parameters: all = [] }: Operation): string {
  if (all.length === 0) return '';
  const fields = all.map(({ description = '', schema, ...one }) => ({
    ...one,
    schema: { ...schema, description },
  }));
  const where = new Map(all.map((one) => [one.name, one.in]));
  const mark = (name: string): string =>
    `<span class="mark">${escape(where.get(name) ?? '')}</span>`;
  return heading('Parameters · 参数') + fieldTable(fields, mark);
}

/** Of two bodies the operator's is shown, and marked what a user may send, too. */
function body({ requestBody = {} }: Operation): string {
  const media = mediaOf(requestBody)?.[1];
  if (media === undefined) return '';
  const [operators, users] = media.schema.anyOf ?? [media.schema];
  const fields = fieldsOf(operators ?? {});
  const table = users === undefined ? fieldTable(fields.values()) : marked(fields, fieldsOf(users));
  const nothing = `<p>${bilingual('An empty object: {} · 空对象：{}')}</p>`;
  return heading('Body · 请求体') + (table === '' ? nothing : table) + examplesOf(media);
}

function marked(fields: ReadonlyMap<string, Field>, users: ReadonlyMap<string, Field>): string {
  const mark = (name: string): string =>
    users.has(name) ? `<span class="mark">${bilingual('user · 用户')}</span>` : '';
  const note =
    'A user may send what is marked; all else is for operators · 用户只能发送带标记的字段，其余仅供运营方使用';
  return `<p>${bilingual(note)}</p>${fieldTable(fields.values(), mark)}`;
}

/** The envelope is described once, at the top; here only its content. */
const dataOf = (schema: Schema): Schema => schema.properties?.data?.properties?.data ?? schema;

function success([status, response]: readonly [string, Response]): string {
  const media = mediaOf(response);
  const inner = media === undefined ? {} : dataOf(media[1].schema);
  const table = fieldTable(fieldsOf(inner).values());
  const words = table === '' && inner.description !== undefined ? inner.description : '';
  return (
    `<h4><span class="status">${escape(status)}</span> ${bilingual(response.description)} ` +
    `<small>${escape(media?.[0] ?? '')}</small></h4>` +
    (words === '' ? '' : `<p>${bilingual(words)}</p>`) +
    table +
    examplesOf(media?.[1])
  );
}

function failure([status, response]: readonly [string, Response]): string {
  const codes = /^[A-Z_]+(, [A-Z_]+)*$/.test(response.description)
    ? response.description
        .split(', ')
        .map((one) => `<a href="#error-${one}">${code(one)}</a>`)
        .join(' ')
    : bilingual(response.description);
  return `<tr><th scope="row"><span class="status bad">${escape(status)}</span></th><td>${codes}</td></tr>`;
}

function replies({ responses }: Operation): string {
  const all = Object.entries(responses);
  const bad = all.filter(([status]) => /^[45]/.test(status));
  const good = all.filter((one) => !bad.includes(one));
  const shown = bad.map(([, response]) => examplesOf(mediaOf(response)?.[1])).join('');
  return (
    good.map(success).join('') +
    heading('Failures · 失败') +
    `<table class="failures"><tbody>${bad.map(failure).join('')}</tbody></table>${shown}`
  );
}

export function section(entry: Entry): string {
  const { path, method, operation } = entry;
  const { operationId, summary, description } = operation;
  return (
    `<details class="op" id="${escape(operationId)}"><summary>` +
    `<span class="method ${escape(method)}">${escape(method.toUpperCase())}</span> ` +
    `<code class="path">${escape(path)}</code> <span class="what">${bilingual(summary)}</span></summary>` +
    `<div class="inner"><p class="who"><b>${bilingual('Who may call · 调用者')}</b> ${bilingual(description)}</p>` +
    `${parameters(operation)}${body(operation)}${replies(operation)}</div></details>`
  );
}
