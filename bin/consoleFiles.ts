/** The operator's page as its build wrote it: read when somebody first asks, and kept. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ConsoleFiles } from '../routes/appDeps';

declare const __BUILD_ID__: string | undefined;

/** Beside the built server; in a checkout where `npm run build` writes it. */
const FOLDER =
  typeof __BUILD_ID__ === 'string'
    ? path.join(__dirname, 'console')
    : path.join(__dirname, '../dist/console');

/** The build makes three: more names than these are not kept. */
const KEPT_MAX = 16;

/** A file that is not there may mean a checkout that was never built: `npm run build`. */
export function createConsoleFiles(folder = FOLDER): ConsoleFiles {
  const kept = new Map<string, Buffer>();
  return async (name) => {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const bytes = await readFile(path.join(folder, name)).catch(() => undefined);
    if (bytes !== undefined && kept.size < KEPT_MAX) kept.set(name, bytes);
    return bytes;
  };
}
