/** The OpenAPI document as one page: no script, nothing loaded from anywhere. */

type Json = Readonly<Record<string, unknown>>;

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${String(c.charCodeAt(0))};`);

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'summary{cursor:pointer;padding:.35rem 0}code{font-size:.95em}.m{display:inline-block;width:3.5em;' +
  'font-weight:600;color:#07c160}pre{background:#f6f6f6;padding:1rem;overflow:auto;font-size:13px}' +
  '@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}pre{background:#1c1c1c}}';

function section(path: string, method: string, operation: Json): string {
  const { summary, description, ...rest } = operation as { summary: string; description: string };
  const title = `${summary} · ${description}`;
  const detail = escape(JSON.stringify(rest, null, 2));
  return (
    `<details><summary><span class="m">${escape(method.toUpperCase())}</span> ` +
    `<code>${escape(path)}</code> ${escape(title)}</summary><pre>${detail}</pre></details>`
  );
}

export function docsPage(document: Json): string {
  const info = document.info as { title: string; version: string };
  const paths = document.paths as Readonly<Record<string, Readonly<Record<string, Json>>>>;
  const body = Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => section(path, method, operation)),
    )
    .join('\n');
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(info.title)}</title>` +
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style>` +
    `<h1>${escape(info.title)} ${escape(info.version)}</h1>` +
    `<p><a href="openapi.json">openapi.json</a></p>${body}</html>`
  );
}
