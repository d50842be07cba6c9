/** Brings the tables up to date before a service starts that may not do it itself. */
import { readDatabase } from '../config/connections';
import { readAccess } from '../config/access';
import { Values } from '../config/values';
import { openStore } from '../services/stores';
import { AppError } from '../utils/errors';
import { silentLogger, type Logger } from '../utils/logger';
import { positionals, readArgs } from './args';
import { CommandError, type Command } from './io';
import { readSettings } from './settings';

export const migrate: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    env: { type: 'string' },
    json: { type: 'boolean' },
  });
  positionals(given, 0);
  const read = new Values(readSettings(io, values.env));
  const scf = ['TENCENTCLOUD_RUNENV', 'SCF_RUNTIME'].some(
    (name) => read.platform(name) !== undefined,
  );
  // Of the settings only those of the database: whoever migrates need not hold the merchant's keys.
  const { cloudbaseEnv } = readAccess(read, scf);
  const { databaseUrl, cloudbaseApiKey } = readDatabase(read, scf, cloudbaseEnv);
  const faults = [...read.missing, ...read.invalid].filter((fault) =>
    /^(databaseUrl|CLOUDBASE_APIKEY|cloudbaseEnv)\b/.test(fault),
  );
  if (faults.length > 0) throw new CommandError(faults.join('\n'));
  const applied: number[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (fields, event) => {
      if (event === 'migration applied') applied.push(Number(fields['version']));
    },
  };
  try {
    const { clock } = io;
    const store = await openStore({
      url: databaseUrl,
      clock,
      logger,
      cloudbaseEnv,
      cloudbaseApiKey,
    });
    await store.close();
    if (values.json === true) io.out(`${JSON.stringify({ store: store.name, applied })}\n`);
    else io.out(`${store.name}: ${wordsOf(applied)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CommandError(`${error.code}: ${error.message}`);
  }
};

function wordsOf(applied: readonly number[]): string {
  if (applied.length === 0) return '表结构已是最新 / the tables are up to date';
  return `已升级 migrated to ${Math.max(...applied)}`;
}
