/**
 * The way to WeChat over TLS, on the built service: anyone who stands in it without a certificate for the name sees
 * not even one request, whatever is set to silence such errors. A reply of WeChat's does not say which request it
 * answers, so this is what keeps a genuine one from being told for another.
 */
import '../security/support/built';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBetween, type Between } from '../helpers/between';
import { orderBody, startStage, type Stage } from '../security/support/stage';
import { issue, type Issued } from '../security/support/tls';

const NO = 'T20260102000001';
const trusted = issue({ name: 'A CA of the test' });
const stranger = issue({ name: 'A CA of nobody' });
const folder = mkdtempSync(join(tmpdir(), 'pay-common-ca-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, trusted.certPem);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function on(identity: Issued, run: (stage: Stage, seen: () => number) => Promise<void>) {
  const mitm: Between = await startBetween(identity);
  let seen = 0;
  mitm.choose = () => {
    seen++;
    return undefined;
  };
  const env = { NODE_EXTRA_CA_CERTS: ca, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const stage = await startStage({ env, baseUrl: () => mitm.url });
  mitm.target = stage.simulator.url;
  try {
    await run(stage, () => seen);
  } finally {
    await stage.close();
    await mitm.close();
  }
}

test.each([
  ['of a CA nobody trusts', issue({ name: 'localhost', by: stranger })],
  ['that vouches for itself', issue({ name: 'localhost' })],
  ['of another name', issue({ name: 'example.com', by: trusted })],
  ['that ran out', issue({ name: 'localhost', by: trusted, until: 2021 })],
])('a certificate %s: nothing is asked, nothing is believed', async (_name, identity) => {
  await on(identity, async (stage, seen) => {
    const answer = await stage.asPayer('wxpay_order', orderBody(NO));
    expect([502, 504]).toContain(answer.status);
    expect(answer.json).toMatchObject({ code: -1 });
    expect(await stage.order(NO)).toMatchObject({ state: 'CREATED' });
    expect(seen()).toBe(0);
    expect(stage.simulator.orders()).toEqual([]);
  });
});

test('a certificate of a CA that is trusted here, for the name: it works', async () => {
  await on(issue({ name: 'localhost', by: trusted }), async (stage, seen) => {
    expect((await stage.paid(NO)).state).toBe('PAID');
    expect(seen()).toBeGreaterThan(0);
  });
});
