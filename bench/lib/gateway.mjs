/**
 * WeChat Pay for a throughput run, as a process of its own: a prepay id for every order, signed
 * once a second, so that it takes little of the machine it shares; "paid" for every query, signed
 * each time. Its settings come as one JSON line on standard input; it answers with its URL, and
 * ends with its input.
 */
import crypto from 'node:crypto';
import http from 'node:http';
import { paidContent, signatureHeaders } from './keys.mjs';

const PREPAY = JSON.stringify({ prepay_id: 'wx02201548725948792b658bd466a9000' });
const QUERY = /^\/v3\/pay\/transactions\/out-trade-no\/([^/?]+)\?/;
const KEEP_ALIVE_MS = 120_000;

const given = JSON.parse(await new Promise((resolve) => process.stdin.once('data', resolve)));
process.stdin.on('end', () => process.exit());
process.stdin.resume();
const signer = { privateKey: crypto.createPrivateKey(given.platformKey), keyId: given.keyId };
const plain = { 'content-type': 'application/json; charset=utf-8' };

let prepaySecond = 0;
let prepayHeaders = {};
function headersForPrepay() {
  const second = Math.floor(Date.now() / 1000);
  if (second !== prepaySecond) {
    prepaySecond = second;
    prepayHeaders = { ...plain, ...signatureHeaders(signer, PREPAY) };
  }
  return prepayHeaders;
}

/** The payer is part of the order's number, so that this program need not remember anything. */
function answer(request, response) {
  const asked = QUERY.exec(request.url);
  const [, no = ''] = asked ?? [];
  const text = asked
    ? JSON.stringify(paidContent(given, { no, payer: given.payerPrefix + no.slice(-8) }))
    : PREPAY;
  const headers = asked ? { ...plain, ...signatureHeaders(signer, text) } : headersForPrepay();
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const server = http.createServer((request, response) => {
  request.resume().on('end', () => answer(request, response));
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })}\n`);
});
