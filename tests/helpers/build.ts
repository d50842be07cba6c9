/** What `npm run build` makes: once for a whole run of the tests, whichever of them asks first. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onceARun } from './onceARun';

export const ROOT = join(__dirname, '../..');
/** Not in a build: `npm install libsql` puts them beside it. */
const NATIVE = ['libsql', '@libsql'];
const LAUNCHERS = ['index.js', 'bin/www', 'bin/pay-common', 'package.json'];

/** @throws with what the build said, where it fails. */
export function buildInto(dist: string, source = ROOT): void {
  const args = [join(source, 'scripts/build.mjs'), '--out', dist];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: source, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
}

/** `dist/` of this checkout, native SQLite installed beside it. Nobody writes to it. */
export const builtOnce = (): string => builtFrom('package', ROOT);

/** The same of another checkout, which may be gone by then. */
export function builtFrom(name: string, source: string): string {
  const folder = onceARun(name, (made) => {
    buildInto(join(made, 'dist'), source);
    mkdirSync(join(made, 'node_modules'));
    for (const native of NATIVE) {
      symlinkSync(join(ROOT, 'node_modules', native), join(made, 'node_modules', native));
    }
  });
  return join(folder, 'dist');
}

/** A package of the test's own, as `npm pack` lays it out: the build, and the launchers beside it. */
export function unpackBuilt(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-unpacked-'));
  cpSync(builtOnce(), join(folder, 'dist'), { recursive: true });
  for (const name of LAUNCHERS) cpSync(join(ROOT, name), join(folder, name));
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
