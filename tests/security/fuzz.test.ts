/** Arbitrary requests, thousands: no 5xx, no crash, no change of state; and genuine traffic goes on. */
import fc from 'fast-check';
import { PAY_ROUTES } from '../../routes/payRoutes';
import { NOTIFY_ROUTES } from '../../routes/notifyRoutes';
import { scaled } from '../helpers/large';
import {
  moneyCalls,
  orderBody,
  OTHER,
  PAYER,
  READ_KEY,
  refundBody,
  startStage,
  type CallOptions,
  type Stage,
} from './support/stage';

const BATCH = 100;
const BATCHES = scaled(20, 200);
const NO = 'T20260102000001';
const REASONS_503 = new Set(['ORDER_BUSY', 'STORE_CONTENTION', 'KEYS_UNAVAILABLE', 'OVERLOADED']);

interface Shot {
  readonly path: string;
  readonly o: CallOptions;
}

const paths = [
  ...PAY_ROUTES.map((r) => `/wx-pay/${r.name.replace(':kind', 'order').replace(':no', NO)}`),
  ...Object.keys(NOTIFY_ROUTES),
  '/',
  '/healthz',
  '/metrics',
  '/docs',
];
const fieldNames = [
  ...['out_trade_no', 'description', 'amount', 'attach', 'payer', 'scene_info', 'out_refund_no'],
  ...[
    'transaction_id',
    'out_bill_no',
    'openid',
    'transfer_amount',
    'bill_date',
    'effect_id',
    'type',
  ],
  ...['_action', 'path', 'rawData', 'ParsedNotify', 'ParsedContent', 'Plaintext', 'resource'],
  ...['event_type', 'ciphertext', 'nonce', 'associated_data', 'id', '__proto__', 'constructor'],
];
const words = [
  NO,
  PAYER,
  OTHER,
  'SUCCESS',
  'TRANSACTION.SUCCESS',
  'wxpay_order',
  'wxpay_refund',
  'R1',
];

/** Any code points. fast-check's own unit for them makes a table of a million first. */
const character = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((codePoint) => String.fromCodePoint(codePoint));
const text = (maxLength: number) => fc.string({ unit: character, maxLength });

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...words),
    text(40),
    fc.double(),
    fc.integer(),
    fc.constantFrom(null, true, false, 1, 0, -1, 1e21),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...fieldNames), tie('node'), { maxKeys: 6 }),
  ),
})).node;

const body: fc.Arbitrary<string | Buffer> = fc.oneof(
  fc
    .dictionary(fc.constantFrom(...fieldNames), value, { maxKeys: 8 })
    .map((v) => JSON.stringify(v)),
  fc.json(),
  text(200),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

const headerText = fc
  .string({ unit: 'binary-ascii', maxLength: 60 })
  .map((text) => text.replace(/[^\x20-\x7e]/g, ''));
const headers = fc.dictionary(
  fc.constantFrom(
    ...['authorization', 'x-api-key', 'x-wx-openid', 'x-wx-appid', 'origin', 'accept', 'cookie'],
    ...['content-type', 'content-encoding', 'wechatpay-serial', 'wechatpay-signature'],
    ...['wechatpay-timestamp', 'wechatpay-nonce', 'x-http-method-override', 'x-forwarded-for'],
  ),
  fc.oneof(
    headerText,
    fc.constantFrom(PAYER, OTHER, READ_KEY, 'Bearer a.b.c', 'application/json', '1767319200'),
  ),
  { maxKeys: 5 },
);
const path = fc.oneof(
  { arbitrary: fc.constantFrom(...paths), weight: 4 },
  {
    arbitrary: text(60).map((name) => `/${encodeURI(name).replace(/%2F/g, '/')}`),
    weight: 1,
  },
  {
    arbitrary: fc.webQueryParameters().map((query) => `/wx-pay/records?${query}`),
    weight: 1,
  },
);
const shot: fc.Arbitrary<Shot> = fc
  .record({
    path,
    raw: body,
    headers,
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'PATCH'),
  })
  .map(({ path: to, ...o }) => ({ path: to, o }));

let stage: Stage;
beforeAll(async () => {
  // Payers can only pay what was prepared: whatever they send, no order of theirs may come of it.
  stage = await startStage({ env: { requirePreparedOrders: 'true', logLevel: 'info' } });
  await stage.asOperator('wxpay_prepare_order', orderBody(NO));
  await stage.paid(NO);
});
afterAll(() => stage.close());

async function state(): Promise<string> {
  const { store } = stage.service;
  const kinds = ['order', 'combination', 'transfer', 'report'] as const;
  const pages = await Promise.all(kinds.map(async (kind) => store?.list({ kind, limit: 100 })));
  return JSON.stringify(pages);
}

test(`${String(BATCH * BATCHES)} arbitrary requests`, async () => {
  const before = await state();
  const seen = new Map<number, number>();
  const shots = fc.sample(shot, { numRuns: BATCH * BATCHES, seed: 20260102 });
  for (let at = 0; at < shots.length; at += BATCH) {
    const batch = shots.slice(at, at + BATCH);
    const answers = await Promise.all(batch.map(({ path: to, o }) => stage.call(to, undefined, o)));
    answers.forEach((answer, n) => {
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      const designed = answer.status === 503 && REASONS_503.has(String(answer.json.error));
      if (answer.status < 500 || designed) return;
      throw new Error(`${JSON.stringify(batch[n])} → ${answer.text}`);
    });
  }
  expect([...seen.values()].reduce((sum, n) => sum + n, 0)).toBe(BATCH * BATCHES);
  // The net was cast wide enough to be answered in every way.
  for (const status of [200, 400, 401, 403, 404, 415]) expect(seen.get(status)).toBeGreaterThan(0);
  expect(await state()).toBe(before);
  expect(moneyCalls(stage.simulator)).toBe(0);
  expect(({} as Record<string, unknown>).operator).toBeUndefined();
  const own = await stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: NO });
  expect(own.status).toBe(200);
  expect((await stage.asOperator('wxpay_refund', refundBody(NO, 'R1', 1))).status).toBe(200);
});
