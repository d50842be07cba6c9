/** Who on this machine may open the files of an SQLite database. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../services/stores';
import { systemClock } from '../../utils/clock';
import type { LogFields, Logger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';

const unix = process.platform === 'win32' ? test.skip : test;
let folder = '';
let umask = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pay-common-files-'));
  // The widest there is: whatever is narrow was made so on purpose.
  umask = process.umask(0);
});
afterEach(() => {
  process.umask(umask);
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

async function open(path: string) {
  const warnings: LogFields[] = [];
  const none = (): void => undefined;
  const warn = (fields: LogFields): void => void warnings.push(fields);
  const logger: Logger = { debug: none, info: none, error: none, warn };
  const store = await openStore({ url: `file:${path}`, clock: systemClock, logger });
  return { store, warnings };
}

unix('new files and folders are for their owner alone, the log beside them too', async () => {
  const path = join(folder, 'a', 'b', 'pay.db');
  const { store, warnings } = await open(path);
  try {
    await store.insert(anOrder('ORDER0001'));
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      expect({ file, mode: modeOf(file) }).toEqual({ file, mode: '600' });
    }
    for (const name of ['a', 'a/b']) expect(modeOf(join(folder, name))).toBe('700');
    expect(warnings).toEqual([]);
  } finally {
    await store.close();
  }
});

unix('wider ones that were there before are left as they are, and named', async () => {
  const path = join(folder, 'data', 'pay.db');
  mkdirSync(join(folder, 'data'), { mode: 0o755 });
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  const { store, warnings } = await open(path);
  try {
    expect(modeOf(path)).toBe('644');
    expect(warnings).toMatchObject([{ files: expect.arrayContaining([path]) }]);
  } finally {
    await store.close();
  }
});

unix('a pipe, a folder or a device under the name is refused and not waited for', async () => {
  const pipe = join(folder, 'pipe');
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
  for (const path of [pipe, folder, '/dev/zero']) {
    await expect(open(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
  }
});
