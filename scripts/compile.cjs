/**
 * node scripts/compile.cjs DIST: starts the built service once, with made-up settings, places an order and pays
 * it, and keeps the code V8 compiled on the way: the next start under the same Node, and its first order and
 * callback, need not compile it again.
 */
'use strict';

const { createCipheriv, generateKeyPairSync, sign } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const pem = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

const WECHAT = pem();
const APP_ID = 'wx0000000000000000';
const MERCHANT = '1000000000';
const API_KEY = '0'.repeat(32);
const KEY_ID = 'PUB_KEY_ID_0';
const OPENID = 'o'.repeat(28);
const NUMBER = 'COMPILE0001';

function madeUp(folder, wechatPort) {
  return {
    signMode: 'sdk',
    appId: APP_ID,
    merchantId: MERCHANT,
    apiV3Key: API_KEY,
    merchantSerialNumber: '0'.repeat(40),
    privateKey: pem().privateKey,
    wxPayPublicKey: WECHAT.publicKey,
    wxPayPublicKeyId: KEY_ID,
    trustWxHeaders: 'true',
    notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
    notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
    databaseUrl: `file:${path.join(folder, 'pay.db')}`,
    wxPayBaseUrl: `http://127.0.0.1:${wechatPort}`,
    sweepSeconds: '0',
    logLevel: 'error',
    PORT: '0',
  };
}

/** What proves that WeChat says this. */
function signed(text) {
  const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), '0'.repeat(32)];
  const told = Buffer.from(`${timestamp}\n${nonce}\n${text}\n`);
  return {
    'content-type': 'application/json',
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': KEY_ID,
    'wechatpay-signature': sign('RSA-SHA256', told, WECHAT.privateKey).toString('base64'),
  };
}

/** A WeChat Pay that takes every order. */
function listenAsWechat() {
  const server = http.createServer((req, res) => {
    const text = JSON.stringify({ prepay_id: 'wx00000000000000' });
    req.resume().on('end', () => res.writeHead(200, signed(text)).end(text));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function paidNotification() {
  const nonce = '0'.repeat(12);
  const cipher = createCipheriv('aes-256-gcm', API_KEY, nonce).setAAD(Buffer.from('transaction'));
  const plaintext = {
    ...{ appid: APP_ID, mchid: MERCHANT, out_trade_no: NUMBER, transaction_id: '4'.repeat(28) },
    ...{ trade_state: 'SUCCESS', trade_type: 'JSAPI', success_time: '2026-01-01T00:00:00+08:00' },
    amount: { total: 1, payer_total: 1, currency: 'CNY', payer_currency: 'CNY' },
    payer: { openid: OPENID },
  };
  const sealed = [cipher.update(JSON.stringify(plaintext)), cipher.final(), cipher.getAuthTag()];
  return JSON.stringify({
    ...{ id: '0', resource_type: 'encrypt-resource', event_type: 'TRANSACTION.SUCCESS' },
    resource: {
      ...{
        original_type: 'transaction',
        algorithm: 'AEAD_AES_256_GCM',
        associated_data: 'transaction',
      },
      ...{ nonce, ciphertext: Buffer.concat(sealed).toString('base64') },
    },
  });
}

/** One of each frequent request. Without libsql (`--out`) they fail early: less is compiled, which is harmless. */
async function useOnce(url) {
  const post = (path, headers, body) =>
    fetch(`${url}${path}`, { method: 'POST', headers, body }).then((reply) => reply.text());
  await fetch(`${url}/healthz`).then((reply) => reply.text());
  const user = { 'content-type': 'application/json', 'x-wx-openid': OPENID, 'x-wx-appid': APP_ID };
  const amount = { total: 1, currency: 'CNY' };
  const order = JSON.stringify({ description: 'd', out_trade_no: NUMBER, amount });
  await post('/wx-pay/wxpay_order', user, order);
  const paid = paidNotification();
  await post('/wechatpay/order', signed(paid), paid);
}

async function main() {
  const dist = path.resolve(process.argv[2] ?? 'dist');
  const entry = require(path.join(dist, 'index.js'));
  const file = path.join(dist, 'server.js');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pay-common-compile-'));
  const wechat = await listenAsWechat();
  const { exports: built, script, source } = entry.load(file);
  const service = built.assemble(madeUp(folder, wechat.address().port));
  const server = await built.listenOn(service, '127.0.0.1');
  await service.start();
  await useOnce(`http://127.0.0.1:${server.address().port}`);
  fs.writeFileSync(entry.compiledFile(file), entry.sealCompiled(source, script.createCachedData()));
  await built.shutDown(server, service);
  wechat.close();
  fs.rmSync(folder, { recursive: true, force: true });
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error?.stack}\n`);
    process.exit(1);
  },
);
