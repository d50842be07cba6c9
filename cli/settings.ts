/** The settings a command works with: as the service would read them, or from a file of one's own. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'dotenv';
import { UsageError, type Env, type Io } from './io';

/**
 * @param file  Its values win, since it was named. Without it `.env` of the working folder is read,
 *              and what the environment holds already wins, as when the service starts.
 */
export function readSettings(io: Io, file: string | undefined): Env {
  if (file !== undefined) {
    const path = resolve(io.cwd, file);
    if (!existsSync(path)) throw new UsageError(`找不到文件 / no such file: ${file}`);
    return { ...io.env, ...parse(readFileSync(path)) };
  }
  const path = resolve(io.cwd, '.env');
  return existsSync(path) ? { ...parse(readFileSync(path)), ...io.env } : io.env;
}
