'use strict';
/**
 * 定时器伴侣函数 / companion of pay-common: a timer calls it, it calls `wxpay_sweep`.
 * HTTP 函数没有定时触发器，因此需要这个事件函数。/ HTTP functions have no timers, Event functions do.
 * No dependencies. Settings: `payCommonUrl`, `sweepKey` (the KEY of a `sweep:KEY` entry in pay-common's
 * `operatorKeys`), and `CLOUDBASE_APIKEY` where `payCommonUrl` is the cloud API gateway's.
 */
const http = require('node:http');
const https = require('node:https');

const CALL_MS = 20_000;
/** Stops in time before the function's own limit of 60 s. */
const TOTAL_MS = 45_000;
const CALLS_MAX = 30;
const REPLY_BYTES_MAX = 64 * 1024;

/**
 * Where to call, and with which body. The cloud API gateway (`…?webfn=true`) leads to `/` alone, so the action is
 * named in the body. Plain http only to this machine: the key must not travel in the open.
 */
function targetOf(base) {
  const gateway = base.includes('?');
  const url = new URL(gateway ? base : `${base.replace(/\/+$/, '')}/wx-pay/wxpay_sweep`);
  const local = url.hostname === '127.0.0.1' || url.hostname === 'localhost';
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local)) {
    throw new Error('payCommonUrl must be https');
  }
  return { url, body: gateway ? '{"_action":"wxpay_sweep"}' : '{}' };
}

function post({ url, body }, keys, timeoutMs) {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...keys,
        },
        timeout: timeoutMs,
      },
      (response) => {
        const chunks = [];
        let bytes = 0;
        response.on('data', (chunk) => {
          bytes += chunk.length;
          if (bytes > REPLY_BYTES_MAX) request.destroy(new Error('reply too large'));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body);
  });
}

/** `{done, left}` of one call. Throws for anything else: a failed run shows in the function's log. */
async function sweep(target, keys, timeoutMs) {
  const { status, text } = await post(target, keys, timeoutMs);
  let reply;
  try {
    reply = JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${status}, not JSON`);
  }
  if (status !== 200 || reply.code !== 0) {
    throw new Error(`HTTP ${status} ${reply.error || ''} ${reply.msg || ''}`.trim());
  }
  return reply.data.data;
}

/** Calls until nothing is left, within its time. Overlapping runs are harmless: records are leased. */
exports.main = async () => {
  const { payCommonUrl, sweepKey, CLOUDBASE_APIKEY } = process.env;
  if (!payCommonUrl || !sweepKey) {
    throw new Error('请设置 payCommonUrl 与 sweepKey / set payCommonUrl and sweepKey');
  }
  const target = targetOf(payCommonUrl);
  const keys = { 'x-api-key': sweepKey };
  if (CLOUDBASE_APIKEY) keys.authorization = `Bearer ${CLOUDBASE_APIKEY}`;
  const end = Date.now() + TOTAL_MS;
  const sum = { done: 0, left: 0, calls: 0 };
  do {
    const { done, left } = await sweep(target, keys, Math.min(CALL_MS, end - Date.now()));
    sum.done += done;
    sum.left = left;
    sum.calls += 1;
    // Nothing done though something is left: others are at it, or WeChat asked us to wait.
    if (done === 0) break;
  } while (sum.left > 0 && sum.calls < CALLS_MAX && Date.now() < end - 1000);
  console.log(JSON.stringify(sum));
  return sum;
};
