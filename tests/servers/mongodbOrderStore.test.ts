import { openStore } from '../../services/stores';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { describeOrderStore } from '../contract/describeOrderStore';
import { realMongodb, type RealMongodb } from '../helpers/mongodbReal';
import { MCHID } from '../helpers/ownStore';

const openUrl = (url: string): Promise<RecordStore> =>
  openStore({ url, clock: systemClock, logger: silentLogger });

function describeReal(server: RealMongodb): void {
  const url = server.create();
  afterAll(() => server.close());

  describeOrderStore('mongodb, a real server', () => openUrl(url), {
    durable: true,
    url: () => url,
    async fresh() {
      const other = server.create();
      return { url: other, open: () => openUrl(other) };
    },
    plant: (kind, no, body, min_reader) =>
      server.change(url, `${MCHID}:${kind}:${no}`, { body, min_reader }),
    runsOn: server.version,
  });
}

const server = realMongodb();
if (server !== undefined) describeReal(server);
else {
  describe.skip('order store: mongodb, a real server', () => {
    it.todo('needs MONGODB_URL');
  });
}
