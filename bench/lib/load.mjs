/**
 * Load: so many at once (what can it do?), or so many a second whatever comes back (how long does
 * one wait?).
 */
import http from 'node:http';

const AT_ONCE = 32;
const ANSWER_MS_MAX = 30_000;
/** Open loop: what is under way beyond this is a collapse, not a latency. */
const UNDER_WAY_MAX = 5000;

/**
 * Connections of one phase: kept for its length, closed with it, so that none is found dead by the
 * next.
 */
export function createClient(ports) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  let turn = 0;
  return {
    post: (path, body, headers = {}) =>
      new Promise((resolve) => {
        const port = ports[turn++ % ports.length];
        const failed = (error) => resolve({ status: 0, body: {}, error: String(error) });
        const sent = http.request({
          agent,
          host: '127.0.0.1',
          port,
          path,
          method: 'POST',
          timeout: ANSWER_MS_MAX,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            ...headers,
          },
        });
        sent.on('response', (reply) => {
          let text = '';
          reply.setEncoding('utf8');
          reply.on('data', (part) => (text += part));
          reply.on('error', failed);
          reply.on('end', () => resolve({ status: reply.statusCode, body: parse(text), text }));
        });
        sent.on('timeout', () => sent.destroy(new Error('no answer')));
        sent.on('error', failed);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * @returns requests a second, with `atOnce` of them always under way, and how many were not
 * answered well.
 */
export async function closedLoop(count, one, atOnce = AT_ONCE) {
  let next = 0;
  let bad = 0;
  const worker = async () => {
    while (next < count) if (!(await one(next++))) bad++;
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { perSecond: (count * 1000) / (performance.now() - started), bad };
}

/**
 * Arrivals at random moments (exponential gaps), `perSecond` on average, whether or not earlier
 * ones were answered. Each is timed from the moment it was due, so a stall counts for all that
 * came during it. Timers of Node tick by the millisecond: up to one is in every figure.
 */
export async function openLoop({ count, perSecond, one }) {
  const started = performance.now();
  const waits = [];
  let due = started;
  let underWay = 0;
  let bad = 0;
  const all = [];
  const send = async (i, at) => {
    underWay++;
    if (!(await one(i))) bad++;
    waits.push(performance.now() - at);
    underWay--;
  };
  for (let i = 0; i < count; i++) {
    due += (-Math.log(1 - Math.random()) * 1000) / perSecond;
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
    if (underWay > UNDER_WAY_MAX) throw new Error('more arrives than is answered');
    all.push(send(i, due));
  }
  await Promise.all(all);
  waits.sort((a, b) => a - b);
  const at = (share) =>
    round(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))], 2);
  const { p50, p99, p999 } = { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
  return { count, perSecond: round(perSecond), p50, p99, p999, max: at(1), bad };
}

/** Of an even number the mean of the middle two: the upper one alone would flatter. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export const round = (value, digits = 0) => Number(value.toFixed(digits));
