/** The OpenAPI document as a page to read. It loads nothing, from nowhere: style and script are its own, by hash. */
import { createHash } from 'node:crypto';
import { bilingual, code, escape } from './markup';
import { section, type Entry, type Operation } from './operation';
import { SCRIPT } from './script';
import { STYLE } from './style';
import { ERRORS } from '../errors';
import type { Json } from '../json';
import { withoutRefs } from '../openapiRefs';

export interface DocsPage {
  readonly html: string;
  /** Allows the page's own style and script, and nothing else. */
  readonly policy: string;
}

interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, Scheme>>;
  };
}

interface Scheme {
  readonly type: string;
  readonly name?: string;
  readonly description: string;
}

interface Group {
  readonly name: string;
  readonly description: string;
  readonly entries: readonly Entry[];
}

function groupsOf({ tags, paths }: Document): readonly Group[] {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return tags.map((tag) => ({
    ...tag,
    entries: all.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
}

const item = ({ operation: { operationId, summary } }: Entry): string =>
  `<li><a href="#${escape(operationId)}">${code(operationId)} <small>${bilingual(summary)}</small></a></li>`;

const pick = (lang: string, text: string): string =>
  `<button type="button" data-pick="${lang}" lang="${lang}" aria-pressed="false">${text}</button>`;

const navigation = (groups: readonly Group[]): string =>
  '<nav aria-label="Operations · 接口">' +
  `<div class="tools" hidden>${pick('en', 'English')}${pick('zh', '中文')}</div><details open>` +
  `<summary>${bilingual('All operations · 全部接口')}</summary><div class="tools" hidden>` +
  '<input id="filter" type="search" aria-label="Filter · 筛选" placeholder="Filter · 筛选"></div>' +
  groups
    .map(({ name, entries }) => `<h2>${escape(name)}</h2><ul>${entries.map(item).join('')}</ul>`)
    .join('') +
  `<h2>${bilingual('more · 其他')}</h2>` +
  `<ul><li><a href="#errors">${bilingual('Error codes · 错误码')}</a></li>` +
  '<li><a href="openapi.json">openapi.json</a></li></ul></details></nav>';

const identities = ({ components, servers }: Document): string =>
  `<h2 id="identity">${bilingual('Who is calling · 身份')}</h2><p>${bilingual('One of these headers says it · 由以下请求头之一说明')}</p>` +
  '<table><tbody>' +
  Object.values(components.securitySchemes)
    .map(({ name = 'Authorization: Bearer', description }) => {
      return `<tr><td><code class="name">${escape(name)}</code></td><td>${bilingual(description)}</td></tr>`;
    })
    .join('') +
  `</tbody></table><p>${bilingual('Paths begin with · 路径前缀')} ${servers.map(({ url }) => code(url)).join(' ')}</p>`;

function errors(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, retryable, msg }]) => {
    const [zh = '', en = zh] = msg.split(' / ', 2);
    const again = retryable ? bilingual('may be sent again · 可重试') : '';
    return (
      `<tr id="error-${name}"><td><code class="name">${name}</code></td>` +
      `<td class="type"><span class="status bad">${String(status)}</span> <small>${again}</small></td>` +
      `<td>${bilingual(`${en} · ${zh}`)}</td></tr>`
    );
  });
  return (
    `<h2 id="errors">${bilingual('Error codes · 错误码')}</h2>` +
    `<p>${bilingual('In the field `error` of a failure · 失败应答的 `error` 字段')}</p>` +
    `<table><tbody>${rows.join('')}</tbody></table>`
  );
}

const hashOf = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export function docsPage(document: Json): DocsPage {
  const whole = withoutRefs<Document>(document);
  const { title, version, description } = whole.info;
  const groups = groupsOf(whole);
  const main = groups.map(
    ({ name, description: words, entries }) =>
      `<h2 id="${escape(name)}">${escape(name)}</h2><p>${bilingual(words)}</p>` +
      entries.map(section).join('\n'),
  );
  const html =
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>` +
    '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">' +
    `<style>${STYLE}</style></head><body><a class="skip" href="#main">Skip to content · 跳到正文</a>` +
    `<div class="layout">${navigation(groups)}<main id="main" tabindex="-1">` +
    `<h1>${escape(title)} <small>${escape(version)}</small></h1><p>${bilingual(description)}</p>` +
    `${identities(whole)}${main.join('')}${errors()}</main></div><script>${SCRIPT}</script></body></html>`;
  const own = `style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}`;
  const none = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return { html, policy: `${none}; img-src data:; ${own}` };
}
