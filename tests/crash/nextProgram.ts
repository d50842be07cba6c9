/**
 * The build after this one: today's program on a store of the next version. It writes a field nobody knows here, adds a
 * column, and demands a newer reader where it is told to. Bundled by `rollingBuild`.
 */
import { assemble } from '../../bin/assemble';
import { listenOn, shutDown } from '../../bin/listen';
import { SCHEMA_VERSION, type StoredRecord } from '../../services/ledger/record';
import { createDeferredStore } from '../../services/stores/deferredStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { openMysqlDriver } from '../../services/stores/sql/mysqlDriver';
import { openPostgresDriver } from '../../services/stores/sql/postgresDriver';
import type { SqlDriver } from '../../services/stores/sql/sqlDriver';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import { migrations } from '../../services/stores/sql/sqlSchema';
import { systemClock as clock } from '../../utils/clock';
import { silentLogger as logger } from '../../utils/logger';
import { CAMPAIGN, DEMANDING, NEXT_VERSION } from './rollingNext';

const url = process.env['databaseUrl'] ?? '';

function openDriver(): Promise<SqlDriver> {
  if (url.startsWith('file:')) return openSqliteDriver({ path: url.slice('file:'.length), logger });
  const open = url.startsWith('mysql:') ? openMysqlDriver : openPostgresDriver;
  return open({ url, clock, logger });
}

const asNext = (record: StoredRecord): StoredRecord =>
  record.kind === 'order'
    ? Object.assign({}, record, {
        schema: NEXT_VERSION,
        campaign: CAMPAIGN,
        ...(record.no.startsWith(DEMANDING) ? { min_reader: NEXT_VERSION } : {}),
      })
    : record;

async function open(): Promise<RecordStore> {
  const store = createSqlOrderStore({
    driver: await openDriver(),
    clock,
    logger,
    reader: NEXT_VERSION,
    migrations: [
      ...migrations,
      {
        version: NEXT_VERSION,
        min_reader: Number(process.env['NEXT_SCHEMA_DEMAND'] ?? SCHEMA_VERSION),
        statements: () => ['ALTER TABLE pay_record ADD COLUMN campaign VARCHAR(64)'],
      },
    ],
  });
  await store.migrate();
  return Object.assign(Object.create(store) as RecordStore, {
    insert: (record: StoredRecord) => store.insert(asNext(record)),
    replace: (next: StoredRecord, version: number) => store.replace(asNext(next), version),
  });
}

async function main(): Promise<void> {
  const store = createDeferredStore({ name: 'next', durable: true, open });
  const service = assemble(process.env, { store });
  const server = await listenOn(service);
  process.once('SIGTERM', () => {
    shutDown(server, service).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  await service.start();
}

void main();
