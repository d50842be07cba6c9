/** jest's globalSetup: a folder for what one run makes once (see `onceARun.ts`), gone when the run is over. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setUp(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-run-'));
  process.env['TEST_RUN_FOLDER'] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
