/**
 * The service as a process of its own, for tests that kill it. `KILL_AT` names a write (insert or replace) of
 * this process by its number and side, as `before 2` or `after 1`, or a reservation, as `before reserve 1`: there it ends as by `kill -9`, with no
 * chance to tidy up. Without it this is the service as it is deployed.
 */
import { assemble } from '../../bin/assemble';
import { listenOn } from '../../bin/listen';
import { main } from '../../bin/server';
import { openStore } from '../../services/stores';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { aroundStore } from './faultyStore';

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  // The signal arrives when it arrives: nothing more happens here until then.
  return new Promise(() => undefined);
}

function deadly(inner: RecordStore, at: string): RecordStore {
  const words = at.split(' ');
  const [side, number] = [words[0], words.at(-1)];
  const methods: readonly string[] = words.length === 3 ? ['reserve'] : ['insert', 'replace'];
  let writes = 0;
  return aroundStore(inner, async (method, _args, run) => {
    if (!methods.includes(String(method))) return run();
    writes += 1;
    const here = String(writes) === number;
    if (here && side === 'before') return die();
    const result = await run();
    if (here && side === 'after') return die();
    return result;
  });
}

async function killed(at: string): Promise<void> {
  const url = process.env.databaseUrl ?? '';
  const logger = silentLogger;
  const store = deadly(await openStore({ url, clock: systemClock, logger }), at);
  const service = assemble(process.env, { store, logger });
  await listenOn(service, '127.0.0.1');
  await service.start();
}

const started = process.env.KILL_AT === undefined ? main() : killed(process.env.KILL_AT);
started.then(
  () => process.stdout.write('ready\n'),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
