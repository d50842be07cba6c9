/**
 * The floor: what Node alone needs for the same work on the same machine. An order is a flushed
 * line, a signed call out, a verified reply and a second signature; a callback is a verification,
 * a decryption and a flushed line. Lines that arrive together are flushed together. No rules, no
 * record to look up, no errors told apart: a service cannot be faster than this, only come near.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const env = process.env;
const own = crypto.createPrivateKey(env.privateKey);
const platform = crypto.createPublicKey(env.wxPayPublicKey);
const wechat = new URL(env.wxPayBaseUrl);
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
const journal = fs.openSync(env.floorJournal, 'a');

let waiting = [];
let flushing = false;
function flush() {
  if (flushing || waiting.length === 0) return;
  flushing = true;
  const batch = waiting;
  waiting = [];
  const lines = batch.map(({ line }) => line).join('');
  fs.write(journal, lines, () =>
    fs.fdatasync(journal, () => {
      flushing = false;
      for (const { resolve } of batch) resolve();
      flush();
    }),
  );
}
const durable = (text) =>
  new Promise((resolve) => {
    waiting.push({ line: `${text}\n`, resolve });
    flush();
  });

const sign = (text) =>
  new Promise((resolve, reject) => {
    crypto.sign('RSA-SHA256', Buffer.from(text), own, (error, bytes) =>
      error ? reject(error) : resolve(bytes.toString('base64')),
    );
  });

function mustBeGenuine(text, headers) {
  const signed = `${headers['wechatpay-timestamp']}\n${headers['wechatpay-nonce']}\n${text}\n`;
  const signature = Buffer.from(headers['wechatpay-signature'], 'base64');
  if (!crypto.verify('RSA-SHA256', Buffer.from(signed), platform, signature)) throw new Error();
}

const read = (stream) =>
  new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => resolve(Buffer.concat(parts).toString()));
    stream.on('error', reject);
  });

const call = (path, body, authorization) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = wechat;
    const length = Buffer.byteLength(body);
    const headers = { authorization, 'content-type': 'application/json', 'content-length': length };
    http
      .request({ agent, hostname, port, path, method: 'POST', headers }, resolve)
      .on('error', reject)
      .end(body);
  });

async function order(text) {
  const { description, out_trade_no, amount } = JSON.parse(text);
  const names = { appid: env.appId, mchid: env.merchantId, notify_url: env.notifyURLPayURL };
  const facts = { ...names, description, out_trade_no, amount, payer: { openid: 'o' } };
  const body = JSON.stringify(facts);
  await durable(body);
  const path = '/v3/pay/transactions/jsapi';
  const at = String(Math.floor(Date.now() / 1000));
  const nonce = crypto.randomBytes(16).toString('hex');
  const signature = await sign(`POST\n${path}\n${at}\n${nonce}\n${body}\n`);
  const authorization =
    `WECHATPAY2-SHA256-RSA2048 mchid="${env.merchantId}",serial_no="${env.merchantSerialNumber}",` +
    `nonce_str="${nonce}",timestamp="${at}",signature="${signature}"`;
  const reply = await call(path, body, authorization);
  const replied = await read(reply);
  mustBeGenuine(replied, reply.headers);
  const pack = `prepay_id=${JSON.parse(replied).prepay_id}`;
  const paySign = await sign(`${env.appId}\n${at}\n${nonce}\n${pack}\n`);
  const data = { timeStamp: at, nonceStr: nonce, package: pack, signType: 'RSA', paySign };
  return { code: 0, msg: 'success', data: { status: 200, data } };
}

async function callback(text, headers) {
  mustBeGenuine(text, headers);
  const { ciphertext, nonce, associated_data } = JSON.parse(text).resource;
  const sealed = Buffer.from(ciphertext, 'base64');
  const opener = crypto.createDecipheriv('aes-256-gcm', env.apiV3Key, nonce);
  opener.setAAD(Buffer.from(associated_data)).setAuthTag(sealed.subarray(-16));
  const content = Buffer.concat([opener.update(sealed.subarray(0, -16)), opener.final()]);
  await durable(content.toString());
  return { code: 'SUCCESS', message: '成功' };
}

async function serve(request, response) {
  const text = await read(request);
  let status = 200;
  let body = {};
  try {
    if (request.url === '/wechatpay/order') body = await callback(text, request.headers);
    else if (request.url !== '/healthz') body = await order(text);
  } catch {
    status = 500;
  }
  const reply = JSON.stringify(body);
  const length = Buffer.byteLength(reply);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length });
  response.end(reply);
}

http.createServer(serve).listen(env.PORT, '127.0.0.1');
