/** Three merchants in one service: each runs the whole loop, and whatever is wrong with one stops that one alone. */
import type { Running } from '../helpers/service';
import { entryOf, merchantsFile, startShops, type Shop } from '../helpers/merchants';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  startService,
  temporaryDatabase,
} from '../helpers/service';

let shops: [Shop, Shop, Shop];
let run: Running;

beforeEach(async () => {
  shops = await startShops();
  const [own, b, c] = shops;
  const env = {
    merchantsFile: merchantsFile([entryOf(b), entryOf(c)]),
    databaseUrl: temporaryDatabase(),
  };
  run = await startService({ sim: own.sim, env });
  b.sim.callbackTarget = run.url;
  c.sim.callbackTarget = run.url;
});

test('each merchant: order, callback, query', async () => {
  for (const shop of shops) {
    const no = number('M');
    const placed = await run.call(`${shop.prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
    expect(placed.status).toBe(200);
    expect(dataOf(placed).appId).toBe(shop.sim.credentials.appId);
    shop.sim.pay(no);
    const [sent] = await shop.sim.deliver('payment', no);
    expect(sent).toMatchObject({ statusAnswered: 200 });
    const record = await run.records.find(shop.mchid, 'order', no);
    expect(record?.state).toBe('PAID');
    const swept = await run.call(
      `${shop.prefix}/wx-pay/wxpay_sweep`,
      {},
      operator(shop.operatorKey),
    );
    expect(swept.status).toBe(200);
  }
  const health = await run.get('/healthz');
  expect(health.body).toMatchObject({
    status: 'ok',
    merchants: [
      { merchant: 'shop-b', status: 'ok' },
      { merchant: 'shop-c', status: 'ok' },
    ],
  });
});
