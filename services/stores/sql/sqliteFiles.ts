/**
 * The files of an SQLite database hold who paid what. They are made for the owner alone; SQLite gives `-wal` and
 * `-shm` the mode of the file beside them. Files that were there before are left as they are, and named.
 */
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storeError } from './sqlDriver';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const OF_OTHERS = 0o077;

/**
 * Makes the folder and an empty file where there is none: an empty file is a new database to SQLite.
 * @throws StoreError if the name belongs to something else than a file: opening a pipe would never return.
 */
export function makeFiles(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return;
  if (found !== undefined) {
    throw storeError('STORE_UNAVAILABLE', 'sqlite: databaseUrl names something that is no file');
  }
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
  closeSync(openSync(path, 'a', FILE_MODE));
}

/** The files of this database that others on this machine may open. Windows has no such modes. */
export async function openToOthers(path: string): Promise<readonly string[]> {
  if (process.platform === 'win32') return [];
  const files = [path, `${path}-wal`, `${path}-shm`];
  const open = await Promise.all(files.map(isOpenToOthers));
  return files.filter((_, i) => open[i]);
}

async function isOpenToOthers(file: string): Promise<boolean> {
  try {
    return ((await stat(file)).mode & OF_OTHERS) !== 0;
  } catch {
    // Not there: nobody can open it.
    return false;
  }
}
