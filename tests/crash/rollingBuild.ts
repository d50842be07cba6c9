/** The folder of the build after this one: `nextProgram`, bundled once a run. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { ROOT } from '../helpers/build';
import { onceARun } from '../helpers/onceARun';

export const buildNext = (): string =>
  onceARun('next', (folder) => {
    buildSync({
      entryPoints: [join(__dirname, 'nextProgram.ts')],
      outfile: join(folder, 'index.js'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      packages: 'external',
    });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  });
