/**
 * A database server of the test's own is killed under load and started again: what was acknowledged is there, and
 * the store goes on by itself.
 */
import { openStore } from '../../services/stores';
import { systemClock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { hasPrivateServer, PRIVATE_KINDS, startPrivateServer } from '../helpers/privateServer';
import { anOrder } from '../helpers/storeRecords';
import { pause, until } from '../helpers/waiting';
import { MCHID } from '../helpers/ownStore';

const WRITERS = 8;
const KINDS = PRIVATE_KINDS.filter(hasPrivateServer);
const describeKinds = KINDS.length === 0 ? describe.skip.each(PRIVATE_KINDS) : describe.each(KINDS);

describeKinds('%s killed under load', (kind) => {
  test('keeps what was acknowledged, and the store goes on', async () => {
    const server = await startPrivateServer(kind);
    const url = await server.databases.create();
    const store = await openStore({ url, clock: systemClock, logger: silentLogger });
    const kept: string[] = [];
    const failures: string[] = [];
    let late = 0;
    let phase: 'before' | 'after' | 'done' = 'before';
    const writer = async (w: number): Promise<void> => {
      for (let i = 0; phase !== 'done'; i++) {
        const no = `W${String(w)}N${String(i).padStart(6, '0')}`;
        try {
          if ((await store.insert(anOrder(no))) === 'inserted') kept.push(no);
          if (phase === 'after') late++;
        } catch (error) {
          failures.push(error instanceof AppError ? error.code : String(error));
          await pause(20);
        }
      }
    };
    try {
      const writers = Array.from({ length: WRITERS }, (_, w) => writer(w));
      await until('fifty are kept', () => kept.length > 50);
      await server.kill();
      await until('writers hear of it', () => failures.length >= WRITERS);
      await server.start();
      phase = 'after';
      await until('the store goes on', () => late > 0);
      phase = 'done';
      await Promise.all(writers);
      expect(new Set(failures)).toEqual(new Set(['STORE_UNAVAILABLE']));
      for (const no of kept) expect((await store.find(MCHID, 'order', no))?.no).toBe(no);
      process.stdout.write(
        `restart ${kind}: ${String(kept.length)} kept, ${String(failures.length)} told to try again\n`,
      );
    } finally {
      phase = 'done';
      await store.close();
      await server.close();
    }
  });
});
