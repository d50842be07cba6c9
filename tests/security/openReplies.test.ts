/** What a stranger learns from replies that are open to all: whether the service is well, not how much passes through. */
import {
  number,
  operator,
  orderBody,
  payer,
  READ_KEY,
  skewedClock,
  startBare,
  startService,
  startSim,
  SWEEP_KEY,
} from '../helpers/service';
import { createRequestIds } from '../../utils/requestId';

test('healthz says whether work is overdue to all, and for how long to keys alone', async () => {
  const clock = skewedClock();
  const run = await startService({ sim: await startSim(), clock });
  expect((await run.get('/healthz')).body).toMatchObject({ due: 'ok' });
  await run.call('/wx-pay/wxpay_order', orderBody(number('D')), payer());
  clock.offsetMs = 3_600_000;
  for (const headers of [{}, payer()]) {
    const { body } = await run.get('/healthz', headers);
    expect(body).toMatchObject({ due: 'behind' });
    expect(body).not.toHaveProperty('oldest_due_age_ms');
  }
  for (const key of [READ_KEY, SWEEP_KEY]) {
    const { body } = await run.get('/healthz', operator(key));
    expect(body.due).toBe('behind');
    expect(body.oldest_due_age_ms).toBeGreaterThan(3_000_000);
  }
  const wrong = await run.get('/healthz', operator('x'.repeat(40)));
  expect(wrong).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } });
});

test('open replies are the same before and after a hundred orders', async () => {
  const run = await startService({ sim: await startSim() });
  const open = ['/healthz', '/readyz', '/openapi.json', '/docs'];
  const read = async (): Promise<string[]> => {
    const texts = [];
    for (const path of open) texts.push((await run.get(path)).text);
    return texts;
  };
  const before = await read();
  for (let n = 0; n < 100; n++) {
    const openid = `oPayer_${String(n)}_00000000000`;
    await run.call('/wx-pay/wxpay_order', orderBody(number('D')), payer(openid));
  }
  expect(await read()).toEqual(before);
});

test('without whole settings healthz answers 200 to any key', async () => {
  const run = await startBare({ databaseUrl: 'memory:' });
  expect((await run.get('/healthz', operator(READ_KEY))).status).toBe(200);
});

test('request ids tell nothing of how many there were between two of them', () => {
  const next = createRequestIds();
  const ids = Array.from({ length: 5000 }, next);
  expect(new Set(ids).size).toBe(ids.length);
  const [instance] = (ids[0] ?? '').split('-');
  const rest = ids.map((id) => id.split('-')[1] ?? '');
  expect(ids.every((id) => id.startsWith(`${String(instance)}-`))).toBe(true);
  expect(rest.every((text) => /^[0-9a-f]{16}$/.test(text))).toBe(true);
  // Neither in order nor with a distance in common: half of all neighbours rise, and no step occurs twice.
  const numbers = rest.map((text) => BigInt(`0x${text}`));
  const steps = numbers.slice(1).map((n, i) => n - (numbers[i] ?? 0n));
  const rising = steps.filter((step) => step > 0n).length;
  expect(rising).toBeGreaterThan(2200);
  expect(rising).toBeLessThan(2800);
  expect(new Set(steps).size).toBe(steps.length);
  expect(createRequestIds()().split('-')[0]).not.toBe(instance);
});
