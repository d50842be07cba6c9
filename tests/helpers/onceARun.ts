/**
 * Work that one run of the tests does once, whichever worker comes first: the build, above all. The folder is made and
 * removed by `runFolder.ts` beside this file; a program outside jest (`npm run soak`) has one of its own.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HANG_MS } from './waiting';

const LOOK_MS = 20;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function runFolder(): string {
  const given = process.env['TEST_RUN_FOLDER'];
  if (given !== undefined) return given;
  const own = mkdtempSync(join(tmpdir(), 'pay-common-run-'));
  process.env['TEST_RUN_FOLDER'] = own;
  process.once('exit', () => {
    rmSync(own, { recursive: true, force: true });
  });
  return own;
}

/** True for one caller of the whole run alone: a folder can be made once. */
function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** @returns the folder of this name, filled by the first who asked. @throws where filling it failed. */
export function onceARun(name: string, fill: (folder: string) => void): string {
  const folder = join(runFolder(), name);
  const [done, failed] = [`${folder}.done`, `${folder}.failed`];
  if (isFirst(folder)) {
    try {
      fill(folder);
      writeFileSync(done, '');
    } catch (error) {
      writeFileSync(failed, '');
      throw error;
    }
    return folder;
  }
  const end = Date.now() + HANG_MS;
  while (!existsSync(done)) {
    if (existsSync(failed)) throw new Error(`${name}: see the test that made it`);
    if (Date.now() > end) throw new Error(`${name} does not come to an end`);
    Atomics.wait(sleeper, 0, 0, LOOK_MS);
  }
  return folder;
}
