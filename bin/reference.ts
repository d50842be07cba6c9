/** The document of the surface, as a file and as a page: read when somebody first asks, and kept. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Json } from '../utils/json';

declare const __BUILD_ID__: string | undefined;

/** Beside the built server; in a checkout where `npm run openapi` writes it. */
const FILE =
  typeof __BUILD_ID__ === 'string'
    ? path.join(__dirname, 'openapi.json')
    : path.join(__dirname, '../docs/openapi.json');

export interface Reference {
  /** The OpenAPI document, as JSON. */
  readonly document: () => Promise<string>;
  readonly page: () => Promise<{ readonly html: string; readonly policy: string }>;
}

/** @param basePath in front of every path, as the caller sees them; '' for none. */
export function createReference(basePath: string): Reference {
  const servers = basePath === '' ? {} : { servers: [{ url: basePath }] };
  const document = once(async () => {
    const whole = JSON.parse(await readFile(FILE, 'utf8')) as Json;
    return JSON.stringify({ ...whole, ...servers });
  });
  const page = once(async () => {
    const { docsPage } = await import('../utils/docs/docsPage');
    return docsPage(JSON.parse(await document()) as Json);
  });
  return { document, page };
}

/** A result is kept, so that strangers may ask often. After a failure it is tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
}
