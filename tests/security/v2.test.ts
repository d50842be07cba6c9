/** Attacks on API v2: forged and replayed notices, XML that is more than it seems, answers that nobody signed. */
import type { Simulator } from '../../simulator';
import { sign } from '../../simulator/v2/sign';
import { parseXml, xmlText, type Fields } from '../../simulator/v2/xml';
import {
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  startSim,
  type Answer,
  type Running,
} from '../helpers/service';
import { startV2 } from '../helpers/v2';

const ORDER = '/wechatpay/order';
const REFUND = '/wechatpay/refund';
const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';

let sim: Simulator;
let run: Running;
let no: string;

beforeEach(async () => {
  sim = await startSim();
  run = await startV2(sim);
  no = number('V');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
});

const post = (path: string, body: string | Buffer): Promise<Answer> =>
  run.send('POST', path, body, { 'content-type': 'text/xml' });

function expectRefused(answer: Answer): void {
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(answer.text).toMatch(/^<xml><return_code><!\[CDATA\[FAIL]]><\/return_code><return_msg>/);
  expect(answer.headers['content-type']).toMatch(/^text\/xml/);
}

/** Fields of the genuine notice, changed and signed again with whatever key. */
function forged(
  over: Fields,
  key = sim.credentials.apiKeyV2,
  type: 'MD5' | 'HMAC-SHA256' = 'HMAC-SHA256',
): string {
  const { sign: _sign, ...fields } = parseXml(sim.makeXmlPayment(no).body) ?? {};
  const told = { ...fields, ...over };
  return xmlText({ ...told, sign: sign(told, key, type) });
}

describe('a payment notice', () => {
  beforeEach(() => {
    sim.pay(no, { deliver: 'never' });
  });

  test('that is genuine is recorded once, however often it comes', async () => {
    const { body } = sim.makeXmlPayment(no, { type: 'HMAC-SHA256' });
    for (let i = 0; i < 3; i++) {
      const answer = await post(ORDER, body);
      expect(answer.status).toBe(200);
      expect(parseXml(answer.text)).toEqual({ return_code: 'SUCCESS', return_msg: 'OK' });
    }
    const { history } = await run.order(no);
    expect(history.filter(({ what }) => what === 'paid')).toHaveLength(1);
  });

  test.each<[string, (genuine: Fields) => string]>([
    ['without a signature', ({ sign: _sign, ...rest }) => xmlText(rest)],
    ['with an empty one', (told) => xmlText({ ...told, sign: '' })],
    ['with a changed amount', (told) => xmlText({ ...told, total_fee: '1' })],
    ['moved to another order', (told) => xmlText({ ...told, out_trade_no: 'T999999' })],
    ['with one element more', (told) => xmlText({ ...told, extra: '1' })],
    ['signed with another key', () => forged({}, 'k'.repeat(32))],
    ['signed with no key', () => forged({}, '')],
    ['whose named type is another', () => forged({ sign_type: 'MD5' })],
    ['of another merchant', () => forged({ mch_id: '1900009999' })],
    ['of no merchant', () => forged({ mch_id: '' })],
    ['that failed', () => forged({ result_code: 'FAIL' })],
    ['that WeChat could not make', () => forged({ return_code: 'FAIL' })],
    ['in lower case', (told) => xmlText({ ...told, sign: (told.sign ?? '').toLowerCase() })],
  ])('%s is refused, and asks WeChat nothing', async (_name, forge) => {
    const asked = sim.requests.length;
    const genuine = parseXml(sim.makeXmlPayment(no, { type: 'HMAC-SHA256' }).body) ?? {};
    expectRefused(await post(ORDER, forge(genuine)));
    expect((await run.order(no)).state).toBe('PENDING');
    expect(sim.requests).toHaveLength(asked);
  });

  test('by the weaker type proves nothing: WeChat is asked', async () => {
    const { body } = sim.makeXmlPayment(no, { type: 'MD5' });
    expect((await post(ORDER, body)).status).toBe(200);
    expect(sim.requests.at(-1)?.path).toBe('/pay/orderquery');
    expect(await run.order(no)).toMatchObject({ state: 'PAID', payment: { source: 'query' } });
  });

  test('put together from a genuine one proves nothing: WeChat is asked, and denies it', async () => {
    const victim = number('V');
    await run.call('/wx-pay/wxpay_order', orderBody(victim), payer());
    const key = sim.credentials.apiKeyV2;
    // The payer of a cheap order chose its attach: what follows it in the signed text stands inside the last value.
    const {
      out_trade_no: _no,
      sign: _sign,
      ...genuine
    } = parseXml(sim.makeXmlPayment(no).body) ?? {};
    const attach = `a&out_trade_no=${victim}&zz=`;
    const whole: Fields = { ...genuine, attach, out_trade_no: no };
    const text = Object.entries(whole)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`)
      .join('&');
    const [before = '', after = ''] = text.split('&zz=');
    const pairs = before
      .split('&')
      .map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]);
    const cut: Fields = { ...Object.fromEntries(pairs), zz: after };
    const told = {
      ...cut,
      return_code: 'SUCCESS',
      result_code: 'SUCCESS',
      mch_id: sim.credentials.merchantId,
    };
    const answer = await post(ORDER, xmlText({ ...told, sign: sign(told, key, 'HMAC-SHA256') }));
    expectRefused(answer);
    expect((await run.order(victim)).state).toBe('PENDING');
  });

  test('of another amount is kept as a contradiction, not as a payment', async () => {
    expect((await post(ORDER, forged({ total_fee: '99' }))).status).toBe(200);
    expect((await run.order(no)).state).toBe('MISMATCH');
    expect(await run.effects(no)).not.toContain('order.paid');
  });

  test('at the route of refunds is refused', async () => {
    expectRefused(await post(REFUND, sim.makeXmlPayment(no, { type: 'HMAC-SHA256' }).body));
  });

  test('in the form of API v3 is refused', async () => {
    const { body, headers } = sim.makeNotification('payment', sim.order(no) ?? {});
    const answer = await run.send('POST', ORDER, body, headers);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'FAIL' });
    expect((await run.order(no)).state).toBe('PENDING');
  });
});

describe('XML that is more than it seems', () => {
  const laughs = `<!DOCTYPE xml [<!ENTITY a "ha">${Array.from({ length: 20 }, (_, i) => `<!ENTITY b${String(i)} "&a;&a;&a;">`).join('')}]><xml><return_code>&b19;</return_code></xml>`;
  test.each([
    ['a document type', '<!DOCTYPE xml><xml><return_code>SUCCESS</return_code></xml>'],
    ['expanding entities', laughs],
    [
      'an external entity',
      '<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><return_code>&e;</return_code></xml>',
    ],
    ['great depth', `<xml>${'<a>'.repeat(9000)}${'</a>'.repeat(9000)}</xml>`],
    [
      'a name twice',
      '<xml><return_code>FAIL</return_code><return_code>SUCCESS</return_code></xml>',
    ],
    ['half of it', '<xml><return_code>SUCCESS'],
    [
      'another encoding',
      '<?xml version="1.0" encoding="UTF-16"?><xml><return_code>SUCCESS</return_code></xml>',
    ],
    ['no element', '<'],
  ])('%s is refused in the voice of its sender', async (_name, body) => {
    for (const path of [ORDER, REFUND]) expectRefused(await post(path, body));
    expect(sim.requests).toHaveLength(1);
  });

  test('more than 64 kB is refused', async () => {
    const body = `<xml><return_code>${'x'.repeat(70_000)}</return_code></xml>`;
    expect((await post(ORDER, body)).status).toBeGreaterThanOrEqual(400);
    expect((await run.order(no)).state).toBe('PENDING');
  });
});

describe('a refund notice', () => {
  const refund = number('R');

  async function refunded(): Promise<void> {
    sim.switches.refundOutcome = 'never';
    sim.pay(no);
    await sim.deliver('payment', no);
    await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 40), operator());
  }

  test('is not believed: it is answered FAIL until WeChat confirms it', async () => {
    await refunded();
    const lie = sim.makeXmlRefund(refund, { inner: { refund_status: 'SUCCESS' } }).body;
    const before = await post(REFUND, lie);
    expectRefused(before);
    expect((await run.order(no)).refunds[0]?.status).toBe('PROCESSING');
    const asked = sim.requests.filter(({ path }) => path === '/pay/refundquery').length;
    // Asked once in five seconds, no matter who comes.
    expect((await post(REFUND, lie)).status).toBe(503);
    expect(sim.requests.filter(({ path }) => path === '/pay/refundquery')).toHaveLength(asked);
  });

  test('of a number that nobody asked for teaches nothing', async () => {
    await refunded();
    const other = number('V');
    await run.call('/wx-pay/wxpay_order', orderBody(other), payer());
    const { body } = sim.makeXmlRefund(refund, { over: { mch_id: '1900009999' } });
    expectRefused(await post(REFUND, body));
    expectRefused(
      await post(
        REFUND,
        xmlText({ return_code: 'SUCCESS', mch_id: sim.credentials.merchantId, req_info: 'AAAA' }),
      ),
    );
    expectRefused(await post(ORDER, sim.makeXmlRefund(refund).body));
    // Under way is nothing that WeChat tells of.
    expectRefused(await post(REFUND, sim.makeXmlRefund(refund).body));
    expect((await run.order(no)).refunds[0]?.status).toBe('PROCESSING');
  });
});

describe('answers that prove nothing', () => {
  test.each(['no_signature', 'bad_signature', 'other_sign_type', 'html', 'truncate'] as const)(
    'a query answered with %s leaves the record as it was',
    async (kind) => {
      sim.pay(no, { deliver: 'never' });
      sim.faults.add({ route: 'POST /pay/orderquery', kind, times: 9 });
      const answer = await run.call(QUERY, { out_trade_no: no }, payer());
      expect([502, 504]).toContain(answer.status);
      expect((await run.order(no)).state).toBe('PENDING');
    },
  );

  test.each(['no_signature', 'bad_signature', 'other_sign_type', 'drop_after'] as const)(
    'an order answered with %s is not known, and is asked for again with the same facts',
    async (kind) => {
      const other = number('V');
      sim.faults.add({ route: 'POST /pay/unifiedorder', kind, times: 3 });
      const first = await run.call('/wx-pay/wxpay_order', orderBody(other), payer());
      expect([502, 504]).toContain(first.status);
      expect((await run.order(other)).state).toBe('CREATED');
      const again = await run.call('/wx-pay/wxpay_order', orderBody(other), payer());
      expect(again.status).toBe(200);
      expect((await run.order(other)).state).toBe('PENDING');
    },
  );

  test.each(['no_signature', 'bad_signature', 'drop_after'] as const)(
    'a refund answered with %s is recorded, and never sent under another number',
    async (kind) => {
      sim.pay(no);
      await sim.deliver('payment', no);
      sim.faults.add({ route: 'POST /secapi/pay/refund', kind, times: 3 });
      const refund = refundBody(no, number('R'), 100);
      expect((await run.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(202);
      expect((await run.order(no)).refunds).toMatchObject([{ status: 'REQUESTED', refund: 100 }]);
      expect((await run.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
      expect(sim.refunds()).toHaveLength(1);
    },
  );

  test('a page that asks for a certificate refuses a refund without any verdict', async () => {
    sim.pay(no);
    await sim.deliver('payment', no);
    sim.switches.clientCertificate = 'refuse';
    const refund = refundBody(no, number('R'), 100);
    const answer = await run.call('/wx-pay/wxpay_refund', refund, operator());
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'WECHATPAY_REJECTED', data: { code: 'CLIENT_CERTIFICATE' } },
    });
    expect((await run.order(no)).refunds).toMatchObject([{ status: 'REQUESTED' }]);
  });
});

test('the key and the certificate stand in no reply, log or page', async () => {
  sim.pay(no);
  await sim.deliver('payment', no);
  await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 1), operator());
  await post(ORDER, forged({}, 'k'.repeat(32)));
  const seen = [
    JSON.stringify(run.logs),
    (await run.get('/healthz')).text,
    (await run.get('/metrics', operator())).text,
    (await run.get(`/wx-pay/records/order/${no}`, operator())).text,
  ].join('\n');
  expect(seen).not.toContain(sim.credentials.apiKeyV2);
  expect(seen).not.toContain(sim.envV2().clientCertificate?.slice(0, 40));
});
