/**
 * A process of its own that works on a store: `storeWriter.ts <url> <prefix> <mode>`. Prints one line for every write
 * that the store acknowledged, at once, so that the process that kills it knows what must be there.
 *
 * `insert`: new orders without end, each then replaced once. `race`: 25 increments of the record `<prefix>`.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../services/stores';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { anOrder } from './storeRecords';
import { MCHID } from './ownStore';

const LOOPS = 8;
const RACE_WINS = 25;
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

async function insertWithoutEnd(store: RecordStore, prefix: string): Promise<never> {
  const loop = async (id: number): Promise<never> => {
    for (let i = 0; ; i += 1) {
      const no = `${prefix}-${String(id)}-${String(i)}`;
      const record = anOrder(no);
      if ((await store.insert(record)) === 'inserted') say(`${no} 1`);
      const next = { ...record, version: 2, state: 'PENDING' as const };
      if ((await store.replace(next, 1)) === 'replaced') say(`${no} 2`);
    }
  };
  return Promise.race(Array.from({ length: LOOPS }, (_, id) => loop(id)));
}

async function race(store: RecordStore, no: string): Promise<void> {
  await store.insert(anOrder(no));
  for (let wins = 0; wins < RACE_WINS;) {
    const seen = await store.find(MCHID, 'order', no);
    if (seen === undefined) throw new Error('the record is gone');
    const next = { ...seen, version: seen.version + 1 };
    if ((await store.replace(next, seen.version)) === 'conflict') continue;
    wins += 1;
    say(`${no} ${String(next.version)}`);
  }
}

async function main(): Promise<void> {
  const [url = '', prefix = '', mode = ''] = process.argv.slice(2);
  const store = await openStore({
    url,
    clock: systemClock,
    logger: silentLogger,
    cloudbaseEnv: 'test-env',
    cloudbaseApiKey: 'test-key',
    serviceUrl: process.env['TEST_CLOUDBASE_SERVICE'],
  });
  say('open');
  if (mode === 'insert') await insertWithoutEnd(store, prefix);
  else await race(store, prefix);
  await store.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)} ${String((error as Error).cause)}\n`);
  process.exitCode = 1;
});
