/**
 * What a body costs whose sender has proven nothing: how often it is parsed, how many bytes of it, how many
 * decryptions. Counted, never timed.
 */
import crypto from 'node:crypto';
import { number, orderBody, payer, startService, startSim, type Running } from '../helpers/service';
import type { Simulator } from '../../simulator';

const KB = 1024;
const LARGE = 255 * KB;
const PATHS = ['/wechatpay/order', '/wechatpay/refund/', '/wx-pay/transferTrigger', '/'];

/** `unit` again and again between the two ends, up to the given length. */
const filled = (head: string, unit: string, tail: string, length = LARGE): string =>
  head + unit.repeat(Math.floor((length - head.length - tail.length) / unit.length)) + tail;

const keys = (count: number): string =>
  Array.from({ length: count }, (_, i) => `"k${i.toString(36)}":1`).join(',');
const textOf = (text: string): string => JSON.stringify(text);

const HOSTILE: Readonly<Record<string, string>> = {
  'very many keys': `{"rawData":{},${keys(20_000)}}`,
  'very many objects': filled('{"rawData":[', '{},', '{}]}'),
  'very many numbers': filled('{"ParsedNotify":[', '1e-9,', '1]}'),
  'escapes, which call for a slower parser': filled(
    '{"a":"__proto__","rawData":[',
    '"\\u0041",',
    '1]}',
  ),
  'one string of escapes': filled('{"rawData":"', '\\u0041', '"}'),
  'one very long number': filled('{"rawData":', '1', '}'),
  'nesting without end': `{"rawData":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  'a text of very many keys in each part': `{"rawData":${textOf(`{${keys(6000)}}`)},"ParsedNotify":${textOf(`{${keys(6000)}}`)},"ParsedContent":${textOf(`{${keys(6000)}}`)}}`,
  'a text within a text': `{"rawData":${textOf(`{"resource":${textOf(`{"x":"${'\\u0041'.repeat(8000)}"}`)}}`)}}`,
  'spaces only': filled('{"rawData":{}', ' ', '}'),
};

const SEALED: Readonly<Record<string, string>> = {
  'a long ciphertext': filled(
    '{"rawData":{"resource":{"nonce":"abcdefghijkl","ciphertext":"',
    'AAAA',
    '"}}}',
  ),
  'a short ciphertext in a long body': filled(
    '{"rawData":{"resource":{"nonce":"abcdefghijkl","ciphertext":"AAAA"}},"x":"',
    'x',
    '"}',
  ),
  'a ciphertext whose name is spelt with an escape': filled(
    '{"rawData":{"resource":{"nonce":"abcdefghijkl","\\u0063iphertext":"',
    'AAAA',
    '"}}}',
  ),
};

interface Cost {
  parses: number;
  parsedChars: number;
  decrypts: number;
}

/** Counts while `run` runs: of this process, so the caller keeps everything else quiet. */
async function costOf(run: () => Promise<unknown>): Promise<Cost> {
  const parse = jest.spyOn(JSON, 'parse');
  const decipher = jest.spyOn(crypto, 'createDecipheriv');
  try {
    await run();
    const texts = parse.mock.calls.map(([text]) => text.length);
    const parsedChars = texts.reduce((sum, length) => sum + length, 0);
    return { parses: texts.length, parsedChars, decrypts: decipher.mock.calls.length };
  } finally {
    parse.mockRestore();
    decipher.mockRestore();
  }
}

describe.each(['sdk', 'gateway'] as const)('in mode %s', (mode) => {
  let sim: Simulator;
  let run: Running;
  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim, mode });
  });

  /** The status; the reply is not parsed here, which would be counted. */
  const statusOf = async (path: string, body: string, headers = {}): Promise<number> => {
    const init = { method: 'POST', body, headers: { connection: 'close', ...headers } };
    const reply = await fetch(`${run.url}${path}`, init);
    await reply.arrayBuffer();
    return reply.status;
  };

  test.each(Object.entries(HOSTILE))(
    '%s: refused after parsing its own bytes once, and nothing is decrypted or asked',
    async (_name, body) => {
      const find = jest.spyOn(run.records, 'find');
      for (const path of PATHS) {
        let status = 0;
        const cost = await costOf(async () => {
          status = await statusOf(path, body);
        });
        expect({ path, status: status >= 400 && status < 500 }).toEqual({ path, status: true });
        expect(cost.decrypts).toBe(0);
        expect(cost.parses).toBeLessThanOrEqual(4);
        // Texts inside it are parts of it: each is parsed once more as itself, and those are bounded.
        expect(cost.parsedChars).toBeLessThanOrEqual(body.length + 2 * 64 * KB);
      }
      expect(find).not.toHaveBeenCalled();
      expect(sim.requests).toHaveLength(0);
    },
  );

  test('more values than any notification has are not parsed at all', async () => {
    for (const name of ['very many keys', 'very many objects', 'nesting without end']) {
      const body = HOSTILE[name] ?? '';
      for (const path of PATHS) {
        const cost = await costOf(() => statusOf(path, body));
        expect({ path, name, ...cost }).toEqual({
          path,
          name,
          parses: 0,
          parsedChars: 0,
          decrypts: 0,
        });
      }
    }
  });

  test.each(Object.entries(SEALED))(
    'above 64 kB with %s: 413, and nothing is decrypted',
    async (_name, body) => {
      for (const path of PATHS) {
        let status = 0;
        const cost = await costOf(async () => {
          status = await statusOf(path, body);
        });
        expect({ path, status, decrypts: cost.decrypts }).toEqual({
          path,
          status: 413,
          decrypts: 0,
        });
      }
    },
  );

  test('a body that claims a signature is at most 64 kB, and is not parsed before it is proven', async () => {
    const { headers } = sim.makeNotification('payment', { out_trade_no: 'T1' });
    for (const [length, status] of [
      [64 * KB + 1, 413],
      [64 * KB, 401],
    ] as const) {
      const body = filled('{"resource":{"ciphertext":"', 'A', '"}}', length);
      for (const path of ['/wechatpay/order', '/wx-pay/refundTrigger']) {
        let answered = 0;
        const cost = await costOf(async () => {
          answered = await statusOf(path, body, headers);
        });
        expect({ path, answered, ...cost }).toEqual({
          ...{ path, answered: status },
          ...{ parses: 0, parsedChars: 0, decrypts: 0 },
        });
      }
    }
  });

  test('a genuine forward on `/` is parsed once for each text in it', async () => {
    const no = number('C');
    expect((await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
    const plain = sim.pay(no, { deliver: 'never' });
    const { body } = sim.makeForward('payment', plain);
    let status = 0;
    const parse = jest.spyOn(JSON, 'parse');
    try {
      status = await statusOf('/', body);
      const whole = parse.mock.calls.filter(([text]) => text.length === body.length);
      expect(whole).toHaveLength(1);
    } finally {
      parse.mockRestore();
    }
    expect(status).toBe(200);
    expect((await run.order(no)).state).toBe('PAID');
  });
});
