/**
 * Gives the tables of version 3 the indexes of today. Looks at what is there: MySQL commits each statement by itself, and
 * the process may end in between.
 */
import type { SqlDialect, SqlSession } from './sqlDriver';
import { createIndexes, oldLaneIndexes, recordTable } from './sqlTables';

export async function reindex(session: SqlSession, dialect: SqlDialect): Promise<void> {
  const table = recordTable(dialect);
  const exists = async (index: string): Promise<boolean> =>
    (await session.read(dialect.indexExists, [table.name, index])).length > 0;
  for (const [index, create] of Object.entries(createIndexes(dialect, table))) {
    if (!(await exists(index))) await session.write(create, []);
  }
  for (const index of oldLaneIndexes) {
    if (await exists(index)) await session.write(dialect.dropIndex(index, table.name), []);
  }
}
