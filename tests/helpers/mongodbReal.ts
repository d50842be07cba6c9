/**
 * A real MongoDB for tests: `MONGODB_URL`, a replica set, without a database in the path. Where none is named the tests are
 * skipped and say so, in CI too: there the suite on the stand-in counts.
 */
import { MongoClient } from 'mongodb';

export interface RealMongodb {
  readonly version: () => Promise<string>;
  /** The URL of an empty database. */
  create(): string;
  /** Puts these fields into a document, past the store. */
  change(url: string, _id: string, fields: object): Promise<void>;
  /** Drops what `create` made. */
  close(): Promise<void>;
}

export function realMongodb(): RealMongodb | undefined {
  const base = process.env['MONGODB_URL'] ?? '';
  if (base === '') {
    process.stdout.write('SKIPPED mongodb: no real server; set MONGODB_URL\n');
    return undefined;
  }
  const client = new MongoClient(base);
  const made: string[] = [];
  const databaseOf = (url: string) => client.db(new URL(url).pathname.slice(1));
  return {
    async version() {
      const { version } = await client.db('admin').command({ buildInfo: 1 });
      return `MongoDB ${String(version)}`;
    },
    create() {
      const url = new URL(base);
      url.pathname = `/pay_test_${String(process.pid)}_${String(made.length)}`;
      made.push(url.href);
      return url.href;
    },
    async change(url, _id, fields) {
      const records = databaseOf(url).collection<{ _id: string }>('pay_record');
      await records.updateOne({ _id }, { $set: fields });
    },
    async close() {
      for (const url of made.splice(0)) await databaseOf(url).dropDatabase();
      await client.close();
    },
  };
}
