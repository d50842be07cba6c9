/**
 * node scripts/compile.cjs DIST: starts the built service once, with made-up settings, and keeps the code
 * V8 compiled on the way, so that the next start under the same Node need not compile it again.
 */
'use strict';

const { generateKeyPairSync } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const pem = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

function madeUp(folder) {
  return {
    signMode: 'sdk',
    appId: 'wx0000000000000000',
    merchantId: '1000000000',
    apiV3Key: '0'.repeat(32),
    merchantSerialNumber: '0'.repeat(40),
    privateKey: pem().privateKey,
    wxPayPublicKey: pem().publicKey,
    wxPayPublicKeyId: 'PUB_KEY_ID_0',
    notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
    notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
    databaseUrl: `file:${path.join(folder, 'pay.db')}`,
    wxPayBaseUrl: 'http://127.0.0.1:1',
    sweepSeconds: '0',
    logLevel: 'error',
    PORT: '0',
  };
}

async function main() {
  const dist = path.resolve(process.argv[2] ?? 'dist');
  const entry = require(path.join(dist, 'index.js'));
  const file = path.join(dist, 'server.js');
  // The flags are part of what V8 compares before it takes compiled code.
  entry.setFlags();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pay-common-compile-'));
  const { exports: built, script } = entry.load(file);
  const service = built.assemble(madeUp(folder));
  const server = await built.listenOn(service, '127.0.0.1');
  await service.start();
  const url = `http://127.0.0.1:${server.address().port}`;
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/healthz`).then((reply) => reply.text());
  const ask = { method: 'POST', headers, body: '{}' };
  await fetch(`${url}/wx-pay/wxpay_order`, ask).then((reply) => reply.text());
  fs.writeFileSync(entry.compiledFile(file), script.createCachedData());
  await built.shutDown(server, service);
  fs.rmSync(folder, { recursive: true, force: true });
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error?.stack}\n`);
    process.exit(1);
  },
);
