/**
 * Brings the tables up to date before a service starts that may not do it itself, and seals the records of a database that
 * had no `recordKey` so far.
 */
import { readDatabase } from '../config/connections';
import { readAccess } from '../config/access';
import { faultSentence } from '../config/faultWords';
import { Values } from '../config/values';
import { sealAll, type SealCounts } from '../services/records/sealAll';
import { openStore } from '../services/stores';
import { AppError } from '../utils/errors';
import { silentLogger, type Logger } from '../utils/logger';
import { positionals, readArgs } from './args';
import { CommandError, UsageError, type Command } from './io';
import { readSettings } from './settings';

const DATABASE = new Set(['databaseUrl', 'CLOUDBASE_APIKEY', 'cloudbaseEnv', 'recordKey']);

export const migrate: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    env: { type: 'string' },
    json: { type: 'boolean' },
    seal: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  });
  positionals(given, 0);
  const dryRun = values['dry-run'] ?? false;
  if (dryRun && values.seal !== true) {
    throw new UsageError('--dry-run 须与 --seal 同用 / --dry-run goes with --seal');
  }
  const read = new Values(readSettings(io, values.env));
  const scf = ['TENCENTCLOUD_RUNENV', 'SCF_RUNTIME'].some(
    (name) => read.platform(name) !== undefined,
  );
  // Only the settings of the database: a migration does not need the merchant's keys.
  const { cloudbaseEnv } = readAccess(read, scf);
  const { databaseUrl, cloudbaseApiKey, recordKeys } = readDatabase(read, scf, cloudbaseEnv);
  const faults = [...read.missing, ...read.invalid].filter(({ name }) => DATABASE.has(name));
  if (faults.length > 0) throw new CommandError(faults.map(faultSentence).join('\n'));
  if (values.seal === true && recordKeys.length === 0) {
    throw new CommandError('--seal: 请先设置 recordKey / set recordKey first');
  }
  const applied: number[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (fields, event) => {
      if (event === 'migration applied') applied.push(Number(fields['version']));
    },
  };
  try {
    const { clock } = io;
    const mchid = read.platform('merchantId');
    const where = { url: databaseUrl, clock, logger, cloudbaseEnv, cloudbaseApiKey, mchid };
    const open = (keys: readonly string[]) => openStore({ ...where, recordKeys: keys });
    const store = await open(recordKeys);
    await store.close();
    const seals =
      values.seal === true
        ? await sealAll({ open, keys: recordKeys, dryRun, clock, logger })
        : undefined;
    if (values.json === true) {
      io.out(`${JSON.stringify({ store: store.name, applied, ...seals })}\n`);
    } else {
      io.out(`${store.name}: ${wordsOf(applied)}\n`);
      if (seals !== undefined) io.out(`${sealWords(seals, dryRun)}\n`);
    }
    return seals === undefined || seals.damaged === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CommandError(`${error.code}: ${error.message}`);
  }
};

function wordsOf(applied: readonly number[]): string {
  if (applied.length === 0) return '表结构已是最新 / the tables are up to date';
  return `已升级 migrated to ${Math.max(...applied)}`;
}

function sealWords({ sealed, resealed, damaged }: SealCounts, dryRun: boolean): string {
  const done = dryRun
    ? `将封存 would seal ${sealed}，将换新密钥 would reseal ${resealed}`
    : `已封存 sealed ${sealed}，已换新密钥 resealed ${resealed}`;
  if (damaged === 0) return done;
  return `${done}，不可信 damaged ${damaged} → node bin/pay-common records damaged`;
}
