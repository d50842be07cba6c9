/** The program: environment in, process handlers, exit codes. */
import { assemble, buildId, pause } from './assemble';
import type { AlarmCode } from '../services/ledger/reasons';
import { listenOn, shutDown } from './listen';

export { assemble, listenOn, shutDown };

const PROCESS_FAILED: AlarmCode = 'process.failed';
/** The platform kills the process after 10 s. Unfinished work is in the record and goes on after the restart. */
const EXIT_MAX_MS = 9_600;
const OPEN_AFTER_MS = 25;

export async function main(): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const dotenv = require('dotenv') as typeof import('dotenv');
  dotenv.config({ quiet: true });
  const service = assemble(process.env);
  const server = await listenOn(service);
  const stop = (signal: string): void => {
    service.logger.info({ signal }, 'stopping');
    setTimeout(() => {
      service.logger.warn({ signal }, 'stopped in the middle');
      process.exit(0);
    }, EXIT_MAX_MS).unref();
    shutDown(server, service).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', () => {
    stop('SIGTERM');
  });
  process.once('SIGINT', () => {
    stop('SIGINT');
  });
  // A bug must not leave money half moved in silence: it is logged, and the process goes on or ends.
  process.on('unhandledRejection', (error) => {
    service.logger.error({ code: PROCESS_FAILED, err: error, alarm: true }, 'unhandled rejection');
  });
  // Node would print the whole error, and an error may quote secrets; the logger does not.
  process.on('uncaughtException', (error) => {
    service.logger.error({ code: PROCESS_FAILED, err: error, alarm: true }, 'uncaught exception');
    process.exit(1);
  });
  // Opening SQLite blocks the event loop for some 20 ms: the first requests are answered before.
  await pause(OPEN_AFTER_MS);
  await service.start();
  service.logger.info({ port: service.listen.port, build: buildId }, 'listening');
}
