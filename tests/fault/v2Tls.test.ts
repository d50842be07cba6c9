/** The client certificate over real TLS: shown where money goes out, and nowhere else. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Simulator } from '../../simulator';
import { startChild } from '../helpers/child';
import {
  afterTest,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  send,
  startSim,
} from '../helpers/service';
import { onlyV2 } from '../helpers/v2';
import { issue } from '../security/support/tls';

interface Seen {
  readonly path: string;
  /** Serial number of the certificate that was shown. */
  readonly serial: string | undefined;
}

/** A front with TLS before the simulated WeChat Pay, that asks every caller for a certificate. */
async function startFront(sim: Simulator): Promise<{ url: string; seen: Seen[]; ca: string }> {
  const authority = issue({ name: 'A CA of the test' });
  const { certPem, keyPem } = issue({ name: 'localhost', by: authority });
  const seen: Seen[] = [];
  const shownOn = new Map<number | undefined, string>();
  const asks = { cert: certPem, key: keyPem, requestCert: true, rejectUnauthorized: false };
  const server = createServer(asks, (req, res) => {
    seen.push({ path: req.url ?? '', serial: shownOn.get(req.socket.remotePort) });
    const onward = request(`${sim.url}${req.url ?? ''}`, {
      method: req.method,
      headers: req.headers,
    });
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(res);
    });
    req.pipe(onward);
  });
  server.on('secureConnection', (socket) => {
    const { serialNumber } = socket.getPeerCertificate() as { serialNumber?: string };
    if (serialNumber !== undefined) shownOn.set(socket.remotePort, serialNumber);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  afterTest(
    () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-ca-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, authority.certPem);
  const { port } = server.address() as AddressInfo;
  return { url: `https://localhost:${String(port)}`, seen, ca };
}

test('a refund shows the merchant’s certificate, an order and a query show none', async () => {
  const sim = await startSim();
  const front = await startFront(sim);
  const child = await startChild(sim, {
    ...onlyV2(sim),
    wxPayBaseUrl: front.url,
    NODE_EXTRA_CA_CERTS: front.ca,
  });
  sim.callbackTarget = child.url;
  const call = (name: string, body: object, headers: Readonly<Record<string, string>>) =>
    send('POST', `${child.url}/wx-pay/${name}`, JSON.stringify(body), {
      'content-type': 'application/json',
      ...headers,
    });
  const no = number('V');
  expect((await call('wxpay_order', orderBody(no), payer())).status).toBe(200);
  sim.pay(no);
  await sim.deliver('payment', no);
  const refunded = await call('wxpay_refund', refundBody(no, number('R'), 40), operator());
  expect(refunded.status).toBe(200);
  const ask = { out_trade_no: no };
  expect((await call('wxpay_query_order_by_out_trade_no', ask, payer())).status).toBe(200);
  const shown = new Map(front.seen.map(({ path, serial }) => [path, serial]));
  expect(shown.get('/secapi/pay/refund')).toMatch(/^[0-9A-F]{40}$/);
  expect(shown.get('/pay/unifiedorder')).toBeUndefined();
  expect(shown.get('/pay/orderquery')).toBeUndefined();
  expect(shown.size).toBe(3);
});
