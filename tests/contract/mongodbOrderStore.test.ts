import { openStore } from '../../services/stores';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { startMongodbServer, type MongodbServer } from '../helpers/mongodbServer';
import { MCHID } from '../helpers/ownStore';
import { describeOrderStore } from './describeOrderStore';

const openUrl = (url: string): Promise<RecordStore> =>
  openStore({ url, clock: systemClock, logger: silentLogger });

const servers: MongodbServer[] = [];
const start = async (): Promise<MongodbServer> => {
  const server = await startMongodbServer();
  servers.push(server);
  return server;
};

let shared: MongodbServer;
beforeAll(async () => {
  shared = await start();
});
afterAll(async () => {
  for (const server of servers) await server.close();
});

describeOrderStore('mongodb', () => openUrl(shared.url()), {
  durable: true,
  url: () => shared.url(),
  async fresh() {
    const server = await start();
    return { url: server.url(), open: () => openUrl(server.url()) };
  },
  async plant(kind, no, body, min_reader) {
    const doc = shared.collections.get('pay.pay_record')?.docs.get(`${MCHID}:${kind}:${no}`);
    Object.assign(doc ?? {}, { body, min_reader });
  },
  cutConnections: async () => {
    shared.cutConnections();
  },
  runsOn: async () => 'a stand-in for the wire of the mongodb driver, not MongoDB itself',
});
