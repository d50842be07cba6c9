/** TLS to MongoDB, as the URL asks for it: only who has a certificate for the name, by an authority of ours, is spoken to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMongodbOrderStore } from '../../services/stores/mongodb/mongodbOrderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { startMongodbServer, type MongodbServer } from '../helpers/mongodbServer';
import { MCHID } from '../helpers/ownStore';
import { anOrder } from '../helpers/storeRecords';
import { issue, type Issued } from '../security/support/tls';

const trusted = issue({ name: 'A CA of the test' });
const stranger = issue({ name: 'A CA of nobody' });
const folder = mkdtempSync(join(tmpdir(), 'pay-common-mongodb-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, trusted.certPem);

let server: MongodbServer | undefined;
afterEach(async () => {
  await server?.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function at({ keyPem: key, certPem: cert }: Issued): Promise<MongodbServer> {
  return (server = await startMongodbServer({ host: 'localhost', tls: { key, cert } }));
}

const open = (url: string, timeoutMs?: number) =>
  openMongodbOrderStore({
    url,
    clock: systemClock,
    logger: silentLogger,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
/** The driver tries again until then: anyone who is refused is refused at once and to the end. */
const REFUSED_MS = 300;

it('speaks to a server with a certificate for its name by the authority of the URL', async () => {
  const { url } = await at(issue({ name: 'localhost', by: trusted }));
  const store = await open(`${url()}?tls=true&tlsCAFile=${ca}`);
  expect(await store.insert(anOrder('T1'))).toBe('inserted');
  expect(await store.find(MCHID, 'order', 'T1')).toBeDefined();
  await store.close();
});

it.each([
  ['of an authority nobody trusts', issue({ name: 'localhost', by: stranger })],
  ['that vouches for itself', issue({ name: 'localhost' })],
  ['of another name', issue({ name: 'example.com', by: trusted })],
  ['that ran out', issue({ name: 'localhost', by: trusted, until: 2021 })],
])('says nothing to one with a certificate %s', async (_name, by) => {
  const { url, commands } = await at(by);
  const opening = open(`${url()}?tls=true&tlsCAFile=${ca}`, REFUSED_MS);
  await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  expect(commands).toEqual([]);
});

it('heeds no variable that silences such errors in the whole process', async () => {
  const { url, commands } = await at(issue({ name: 'localhost' }));
  const options = `{ url: '${url()}?tls=true&tlsCAFile=${ca}', clock: Date, logger: {}, timeoutMs: 300 }`;
  const script =
    "require('./services/stores/mongodb/mongodbOrderStore.ts')" +
    `.openMongodbOrderStore(${options}).catch(({ message }) => { throw message; });`;
  const argv = ['--import', 'tsx', '-e', script];
  const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const child = spawn(process.execPath, argv, { cwd: join(__dirname, '../..'), env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (said += data.toString()));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  expect([code, commands]).toEqual([1, []]);
  expect(said).toContain('mongodb: connecting failed');
});

it('does not fall back to a server without TLS', async () => {
  server = await startMongodbServer({ host: 'localhost' });
  await expect(open(`${server.url()}?tls=true&tlsCAFile=${ca}`, REFUSED_MS)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  expect(server.commands).toEqual([]);
});
