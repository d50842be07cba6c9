/**
 * No caller, key, callback, reply, record, hint, forward or redelivery of one merchant serves another. Three merchants of one
 * service (the environment's, and two of a file) use the same numbers for orders, refunds and transfers of the same payer,
 * and every pair is tried.
 */
import type { DeliverOptions, SentCallback } from '../../simulator';
import { ENV, jwkOf, keyOf, startIssuer, tokenOf } from './support/issuer';
import { NOTIFY_ROUTES } from '../../routes/notifyRoutes';
import { PAY_ROUTES } from '../../routes/payRoutes';
import { entryOf, merchantsFile, startShops, type Shop } from '../helpers/merchants';
import { startReplays, type Replays } from '../helpers/replays';
import {
  afterTest,
  dataOf,
  operator,
  orderBody,
  payer,
  PAYER,
  refundBody,
  serviceEnv,
  startBare,
  transferBody,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const NO = 'SAMENUMBER0001';
const REFUND = 'SAMEREFUND0001';
const BILL = 'SAMEBILL0001';
/** Of the first of a pair alone. */
const ALONE = 'ALONE0001';
/** Nobody sweeps here, so nothing is delivered. */
const SINK = {
  webhookUrl: 'http://127.0.0.1:9/',
  webhookSecret: 'a-webhook-secret-of-32-characters',
};
const MODES = ['sdk', 'gateway'] as const;
const KINDS = [
  ['payment', NO],
  ['refund', REFUND],
  ['transfer', BILL],
] as const;

let shops: Shop[];
let run: Running;
let replays: Replays;

const pairs = (): (readonly [mine: Shop, theirs: Shop])[] =>
  shops.flatMap((mine) => shops.filter((one) => one !== mine).map((one) => [mine, one] as const));

const ask = (shop: Shop, name: string, body: Json, headers = operator(shop.operatorKey)) =>
  run.call(`${shop.prefix}/wx-pay/${name}`, body, headers);

async function ok(answer: Promise<Answer>): Promise<Answer> {
  expect(await answer).toMatchObject({ body: { code: 0 } });
  return answer;
}

const asked = (): number => shops[0]?.sim.requests.length ?? 0;

async function recordsOf({ mchid }: Shop): Promise<string> {
  const { items } = await run.records.list({ mchid, limit: 100 });
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100 };
  const reserved = await run.records.reservations(mchid, 'refund', range);
  return JSON.stringify([items, reserved.items]);
}
const allRecords = async (): Promise<string[]> => Promise.all(shops.map(recordsOf));

const clerkOf = ({ mchid }: Shop): string => `oClerk_of_${mchid}`;
const KEY = keyOf('1', 0);
/** Of a user who signed in to the Mini Program of this merchant. */
const tokenIn = ({ sim }: Shop): { authorization: string } => {
  const claims = { provider: sim.credentials.appId, provider_sub: PAYER };
  return { authorization: `Bearer ${tokenOf({ key: KEY, nowMs: Date.now(), claims })}` };
};

async function start(mode: (typeof MODES)[number]): Promise<void> {
  shops = await startShops();
  const [own, ...others] = shops as [Shop, Shop, Shop];
  replays = await startReplays(own.sim.url);
  afterTest(() => replays.close());
  const entries = others.map((shop) =>
    entryOf(shop, { signMode: mode, operatorOpenids: clerkOf(shop), ...SINK }),
  );
  const env = {
    signMode: mode,
    ...SINK,
    operatorOpenids: clerkOf(own),
    cloudbaseEnv: ENV,
    wxPayBaseUrl: replays.url,
    merchantsFile: merchantsFile(entries),
  };
  const issuer = await startIssuer([jwkOf(KEY)]);
  afterTest(() => issuer.close());
  run = await startBare(serviceEnv(own.sim, env), { jwksUrl: issuer.url });
  own.sim.switches.refundOutcome = 'never';
  for (const shop of shops) {
    shop.sim.callbackTarget = run.url;
    await ok(ask(shop, 'wxpay_order', orderBody(NO), payer()));
    shop.sim.pay(NO);
    await ok(ask(shop, 'wxpay_query_order_by_out_trade_no', { out_trade_no: NO }));
    await ok(ask(shop, 'wxpay_refund', refundBody(NO, REFUND, 40)));
    await ok(ask(shop, 'wxpay_transfer', transferBody(BILL)));
  }
}

const BODIES: Readonly<Record<string, Json>> = {
  wxpay_refund: refundBody(NO, 'R2', 1),
  wxpay_refund_abnormal: { out_refund_no: REFUND, type: 'USER_BANK_CARD' },
  wxpay_refund_query: { out_refund_no: REFUND },
  wxpay_transfer: transferBody('BILL2'),
  wxpay_transfer_cancel: { out_bill_no: BILL },
  wxpay_bill: { bill_date: '2026-01-01' },
  wxpay_reconcile: { bill_date: '2026-01-01' },
  wxpay_record: { kind: 'order', no: NO },
  wxpay_redeliver: { kind: 'order', no: NO },
  wxpay_sweep: {},
  wxpay_records: {},
};
const bodyOf = (name: string): Json =>
  BODIES[name] ?? (name.startsWith('records') ? {} : { ...orderBody(NO) });

const WAYS = [
  { mode: 'direct' },
  { mode: 'gateway', ciphertext: true },
  { mode: 'gateway', ciphertext: false },
] as const;

function expectRefused([sent]: readonly SentCallback[]): void {
  expect([400, 401, 403, 404]).toContain(sent?.statusAnswered);
  expect(JSON.parse(sent?.bodyAnswered ?? '')).toMatchObject({ code: 'FAIL' });
}

const REFUSED = { status: 401, body: { code: -1, error: 'UNAUTHENTICATED', data: null } };

describe.each(MODES)('signMode=%s', (mode) => {
  beforeEach(() => start(mode));

  test('a key is refused by every route of another merchant', async () => {
    const before = await allRecords();
    const calls = asked();
    for (const [mine, theirs] of pairs()) {
      const headers = operator(mine.operatorKey);
      for (const { method, name } of PAY_ROUTES) {
        const path = `/wx-pay/${name.replace(':kind', 'order').replace(':no', NO)}`;
        const body = bodyOf(name);
        if (method === 'GET') {
          expect(await run.get(theirs.prefix + path, headers)).toMatchObject(REFUSED);
          continue;
        }
        expect(await run.call(theirs.prefix + path, body, headers)).toMatchObject(REFUSED);
        if (name.includes(':')) continue;
        const dispatch = { ...body, path: theirs.prefix + path };
        expect(await run.call('/', dispatch, headers)).toMatchObject(REFUSED);
        // A merchant that the path names is not changed by the body.
        if (mine.key === undefined || theirs.key === undefined) continue;
        const inside = await run.call(`${mine.prefix}/`, dispatch, headers);
        expect(inside).toMatchObject({ status: 404, body: { error: 'ROUTE_NOT_FOUND' } });
      }
    }
    expect(asked()).toBe(calls);
    expect(await allRecords()).toEqual(before);
  });

  test('a payer of one Mini Program is nobody in another, and sees no record of another merchant', async () => {
    for (const shop of shops) {
      // Each is somebody where he belongs.
      const own = { out_trade_no: NO };
      await ok(ask(shop, 'wxpay_query_order_by_out_trade_no', own, tokenIn(shop)));
      await ok(ask(shop, 'wxpay_records', {}, payer(clerkOf(shop))));
    }
    for (const [mine, theirs] of pairs()) {
      const of = { ...payer(), 'x-wx-appid': mine.sim.credentials.appId };
      for (const who of [of, tokenIn(mine)]) {
        expect(await ask(theirs, 'wxpay_order', orderBody(NO), who)).toMatchObject(REFUSED);
      }
      const clerk = payer(clerkOf(mine));
      const refund = await ask(theirs, 'wxpay_refund', refundBody(NO, 'R2', 1), clerk);
      expect(refund).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } });
      const no = `${ALONE}${mine.mchid}${theirs.mchid}`;
      await ok(ask(theirs, 'wxpay_order', orderBody(no), payer()));
      for (const who of [payer(), operator(mine.operatorKey)]) {
        const own = { out_trade_no: no };
        expect((await ask(mine, 'wxpay_query_order_by_out_trade_no', own, who)).status).toBe(404);
        expect((await ask(mine, 'wxpay_close_order', own, who)).status).toBe(404);
      }
      expect(await run.records.find(mine.mchid, 'order', no)).toBeUndefined();
      expect((await run.records.find(theirs.mchid, 'order', no))?.state).toBe('PENDING');
    }
  });

  test('a record is listed, shown, delivered again, refunded by its merchant alone', async () => {
    for (const [mine, theirs] of pairs()) {
      const no = `${ALONE}${mine.mchid}${theirs.mchid}`;
      await ok(ask(theirs, 'wxpay_order', orderBody(no), payer()));
      const { transaction_id } = theirs.sim.pay(no);
      const named = { kind: 'order', no };
      const headers = operator(mine.operatorKey);
      const listed = await ok(ask(mine, 'wxpay_records', { limit: '100' }));
      expect(JSON.stringify(dataOf(listed))).not.toContain(no);
      expect((await ask(mine, 'wxpay_record', named)).status).toBe(404);
      expect((await ask(mine, 'wxpay_redeliver', named)).status).toBe(404);
      const path = `${mine.prefix}/wx-pay/records/order/${no}`;
      expect((await run.get(path, headers)).status).toBe(404);
      expect((await run.call(`${path}/redeliver`, {}, headers)).status).toBe(404);
      const byId = { transaction_id };
      expect((await ask(mine, 'wxpay_query_order_by_transaction_id', byId)).status).toBe(404);
      const back = { ...refundBody(no, `R${no}`, 1), transaction_id };
      expect((await ask(mine, 'wxpay_refund', back)).status).toBe(404);
      expect(await run.records.find(mine.mchid, 'order', no)).toBeUndefined();
      expect(theirs.sim.refund(`R${no}`)).toBeUndefined();
    }
  });

  test('a callback of one is refused on every path of another, however it comes', async () => {
    for (const { sim } of shops) {
      sim.settleRefund(REFUND, 'SUCCESS', { deliver: 'never' });
      sim.confirmTransfer(BILL);
    }
    const before = await allRecords();
    const calls = asked();
    const paths = [...Object.keys(NOTIFY_ROUTES), '/', '/somewhere'];
    for (const [mine, theirs] of pairs()) {
      const urls = paths.map((path) => run.url + theirs.prefix + path);
      const tries = urls.flatMap((url) => WAYS.map((way) => ({ url, ...way })));
      for (const [kind, no] of KINDS) {
        for (const way of tries) expectRefused(await mine.sim.deliver(kind, no, way));
      }
    }
    // A hint that names another merchant is not even asked about.
    expect(asked()).toBe(calls);
    expect(await allRecords()).toEqual(before);
    // Each one's own are taken in the same way.
    for (const { sim, prefix } of shops) {
      const way =
        mode === 'sdk' ? { mode: 'direct' } : { mode: 'gateway', url: `${run.url}${prefix}/` };
      for (const [kind, no] of KINDS) {
        const [sent] = await sim.deliver(kind, no, way as DeliverOptions);
        expect(sent?.statusAnswered).toBe(200);
      }
    }
  });

  test('a reply that WeChat gave one proves nothing to another', async () => {
    const QUERIES = [
      ['wxpay_query_order_by_out_trade_no', { out_trade_no: NO }],
      ['wxpay_refund_query', { out_refund_no: REFUND }],
      ['wxpay_transfer_bill_query', { out_bill_no: BILL }],
    ] as const;
    for (const shop of shops) {
      for (const [name, body] of QUERIES) await ok(ask(shop, name, body));
    }
    const before = await allRecords();
    for (const [mine, theirs] of pairs()) {
      replays.swap = { to: mine.mchid, from: theirs.mchid };
      for (const [name, body] of QUERIES) {
        const answer = await ask(mine, name, body);
        expect([502, 504]).toContain(answer.status);
        expect(answer.body).toMatchObject({ code: -1, error: 'WECHATPAY_UNPROVEN' });
      }
    }
    expect(replays.swapped).toBeGreaterThanOrEqual(pairs().length * QUERIES.length);
    expect(await allRecords()).toEqual(before);
  });
});

describe('signMode=sdk beside two of v2', () => {
  beforeEach(async () => {
    shops = await startShops();
    const [own, ...others] = shops as [Shop, Shop, Shop];
    const entries = others.map(({ key, sim, operatorKey }) => {
      const { wxPayBaseUrl: _base, notifyURLPayURL: _pay, ...rest } = sim.envV2();
      const { notifyURLRefundsURL: _refunds, ...credentials } = rest;
      return { key, ...credentials, operatorKeys: [operatorKey] };
    });
    run = await startBare(serviceEnv(own.sim, { merchantsFile: merchantsFile(entries) }));
    for (const shop of shops) {
      shop.sim.callbackTarget = run.url;
      await ok(ask(shop, 'wxpay_order', orderBody(NO), payer()));
      shop.sim.pay(NO);
    }
  });

  test('a notice of one is refused by every other, and taken by its own in its voice', async () => {
    const before = await allRecords();
    const calls = asked();
    for (const [mine, theirs] of pairs()) {
      for (const path of ['/wechatpay/order', '/wechatpay/refund', '/', '/somewhere']) {
        const url = run.url + theirs.prefix + path;
        const [sent] = await mine.sim.deliver('payment', NO, { url });
        expect([400, 401, 403, 404]).toContain(sent?.statusAnswered);
      }
    }
    expect(asked()).toBe(calls);
    expect(await allRecords()).toEqual(before);
    for (const { sim, mchid, key } of shops) {
      const [sent] = await sim.deliver('payment', NO);
      expect(sent?.statusAnswered).toBe(200);
      expect(sent?.bodyAnswered.startsWith('<xml>')).toBe(key !== undefined);
      expect((await run.records.find(mchid, 'order', NO))?.state).toBe('PAID');
    }
  });

  test('keys and numbers are apart as well', async () => {
    for (const [mine, theirs] of pairs()) {
      const headers = operator(mine.operatorKey);
      const body = refundBody(NO, 'R2', 1);
      expect(await ask(theirs, 'wxpay_refund', body, headers)).toMatchObject(REFUSED);
    }
    const [, b, c] = shops as [Shop, Shop, Shop];
    await ok(ask(b, 'wxpay_query_order_by_out_trade_no', { out_trade_no: NO }));
    expect((await run.records.find(b.mchid, 'order', NO))?.state).toBe('PAID');
    expect((await run.records.find(c.mchid, 'order', NO))?.state).toBe('PENDING');
  });
});
