/** The OpenAPI document as a page to read: no script, nothing loaded from anywhere. */
import { createHash } from 'node:crypto';
import { withoutRefs } from './openapiRefs';
import type { Json } from './json';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly title?: string;
  readonly $ref?: string;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
}

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${String(c.charCodeAt(0))};`);

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}' +
  'summary{cursor:pointer;padding:.4rem 0}code{font-size:.95em}b.m{display:inline-block;width:3.5em;' +
  'color:#067a3c}table{border-collapse:collapse;width:100%;margin:.25rem 0 1rem;font-size:14px}' +
  'td{border-top:1px solid #8884;padding:.2rem .6rem .2rem 0;vertical-align:top}td:nth-child(2){' +
  'white-space:nowrap}h3{font-size:1em;margin:.8rem 0 0}section{padding-left:3.5em}nav a{margin-right:1em}' +
  '@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}b.m{color:#3ddc84}a{color:#8cf}}';

const typeOf = ({ type, items, const: only, enum: words }: Schema): string => {
  if (only !== undefined) return JSON.stringify(only);
  if (words !== undefined) return words.map((word) => JSON.stringify(word)).join(' | ');
  return items === undefined ? (type ?? '') : `${items.type ?? 'any'}[]`;
};

const row = (name: string, schema: Schema, required: boolean): string =>
  `<tr><td><code>${escape(name)}</code>${required ? ' *' : ''}</td>` +
  `<td>${escape(typeOf(schema))}</td><td>${escape(schema.description ?? '')}</td></tr>`;

/** One row a field, inner ones behind a dot. Fields of alternatives stand beside each other, once. */
function rows(schema: Schema, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = prefix + name;
    found.set(at, row(at, field, schema.required?.includes(name) === true));
    for (const [inner, text] of rows(field.items ?? field, `${at}.`)) found.set(inner, text);
  }
  for (const part of schema.anyOf ?? [])
    for (const [name, text] of rows(part, prefix)) if (!found.has(name)) found.set(name, text);
  return found;
}

function table(title: string, lines: Iterable<string>): string {
  const body = [...lines].join('');
  return `<h3>${escape(title)}</h3>${body === '' ? '' : `<table>${body}</table>`}`;
}

/** The envelope is described once, at the top; here only its content. */
const dataOf = (schema: Schema): Schema =>
  schema.properties?.data?.properties?.data ?? schema.properties?.data ?? schema;

function replies({ responses }: Operation): string {
  return Object.entries(responses)
    .map(([status, { description, content = {} }]) => {
      const [body] = Object.entries(content);
      const title = `${status} · ${description} · ${body?.[0] ?? ''}`;
      const schema = body?.[1].schema;
      return table(title, schema === undefined ? [] : rows(dataOf(schema)).values());
    })
    .join('');
}

function section({ path, method, operation }: Entry): string {
  const { operationId, summary, description, parameters = [], requestBody } = operation;
  const body = requestBody?.content?.['application/json']?.schema;
  return (
    `<details id="${escape(operationId)}"><summary><b class="m">${escape(method.toUpperCase())}</b>` +
    `<code>${escape(path)}</code> ${escape(summary)}</summary><section>` +
    `<p>${escape(description)}</p>` +
    (parameters.length === 0
      ? ''
      : table(
          'Parameters · 参数',
          parameters.map((p) => row(p.name, p.schema, p.required)),
        )) +
    (body === undefined ? '' : table('Body · 请求体', rows(body).values())) +
    `${replies(operation)}</section></details>`
  );
}

export interface DocsPage {
  readonly html: string;
  /** Allows the page's own style and nothing else. */
  readonly policy: string;
}

export function docsPage(document: Json): DocsPage {
  const { info, paths } = withoutRefs<{
    readonly info: { readonly title: string; readonly version: string };
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  }>(document);
  const { title, version } = info;
  const groups = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? '';
      groups.set(tag, [...(groups.get(tag) ?? []), section({ path, method, operation })]);
    }
  const links = [...groups.keys()].map((tag) => `<a href="#${escape(tag)}">${escape(tag)}</a>`);
  const body = [...groups].map(
    ([tag, sections]) => `<h2 id="${escape(tag)}">${escape(tag)}</h2>${sections.join('\n')}`,
  );
  const html =
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>` +
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style>` +
    `<h1>${escape(title)} ${escape(version)}</h1>` +
    '<p>Success · 成功: <code>{code:0, msg:"success", data:{status, data}}</code>; below stands what is in ' +
    '<code>data.data</code>. Failure · 失败: <code>{code:-1, msg, error, requestId, data}</code>. ' +
    'Amounts are integers in fen · 金额单位为分. * required · 必填. <a href="openapi.json">openapi.json</a></p>' +
    `<nav>${links.join('')}</nav>${body.join('')}</html>`;
  const hash = createHash('sha256').update(STYLE).digest('base64');
  return { html, policy: `default-src 'none'; style-src 'sha256-${hash}'` };
}
