import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createLogger, type LogLevel } from '../../utils/jsonLogger';
import { StoreError } from '../../utils/errors';
import { createKeyPair } from '../helpers/keyPairs';

const clock = { now: () => Date.parse('2026-01-02T03:04:05.678+08:00') };

function logged(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const logger = createLogger({ level, clock, stream: { write: (line) => lines.push(line) } });
  const last = (): Record<string, unknown> =>
    JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
  return { logger, lines, last };
}

it('writes one JSON object a line, with time, level and event', () => {
  const { logger, lines, last } = logged();
  logger.info({ out_trade_no: 'A1', total: 1, trade_state: 'SUCCESS', ms: 12 }, 'order applied');
  logger.warn({ reason: 'line\nbreak' }, 'second');
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    ts: '2026-01-02T03:04:05.678+08:00',
    level: 'info',
    event: 'order applied',
    out_trade_no: 'A1',
    trade_state: 'SUCCESS',
    ms: 12,
  });
  expect(last()).toMatchObject({ level: 'warn', reason: 'line\nbreak' });
});

it('keeps silent below its level', () => {
  const { logger, lines } = logged('warn');
  logger.debug({}, 'a');
  logger.info({}, 'b');
  logger.warn({}, 'c');
  logger.error({ alarm: true }, 'd');
  expect(lines).toHaveLength(2);
});

it('drops every field that is not on the list, and objects even where it is', () => {
  const { logger, last } = logged();
  const headers = { authorization: 'Bearer x', 'x-scf-secret-key': 'y' };
  logger.info(
    { headers, privateKey: 'k', body: 'b', ciphertext: 'c', code: headers, count: NaN },
    'e',
  );
  expect(Object.keys(last())).toEqual(['ts', 'level', 'event']);
});

it('masks openids wherever they stand', () => {
  const openid = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
  const { logger, lines, last } = logged();
  logger.info({ openid, payer: openid, reason: `payer ${openid} differs`, path: openid }, 'e');
  expect(lines.join()).not.toContain(openid);
  expect(last()).toMatchObject({ openid: 'oUpF8u…', reason: 'payer oUpF8u… differs' });
});

it('bounds values and takes keys, tokens and passwords out of texts', () => {
  const { privateKey } = createKeyPair();
  const secrets = [
    '0123456789abcdef0123456789ABCDEF',
    'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwMTIzNDU2Nzg5MCJ9'.slice(21),
    Buffer.alloc(48, 255).toString('base64'),
    privateKey.split('\n')[1] ?? '',
  ];
  const { logger, lines, last } = logged();
  for (const secret of secrets) {
    logger.info({ reason: `near ${secret} end`, out_trade_no: `A1 ${secret}` }, `event ${secret}`);
  }
  logger.info({ reason: `${privateKey} mysql://pay:hunter2@db/x` }, 'e');
  for (const secret of [...secrets, 'hunter2']) expect(lines.join()).not.toContain(secret);
  logger.info({ reason: 'no '.repeat(500) }, 'e');
  expect(String(last()['reason'])).toHaveLength(200);
});

it('keeps route patterns and the names of settings readable', () => {
  const path = '/wx-pay/wxpay_query_order_by_out_trade_no';
  const faults = ['merchantSerialNumber: 缺少 / missing'];
  const { logger, last } = logged();
  logger.info({ path, faults, serial: 'PUB_KEY_ID_0119000091912024112600000000000000' }, 'e');
  expect(last()).toMatchObject({
    path,
    faults,
    serial: 'PUB_KEY_ID_0119000091912024112600000000000000',
  });
});

it('tells of errors their code and frames, not the words of drivers', () => {
  const { logger, lines, last } = logged();
  const driver = Object.assign(new TypeError('password=hunter2\n    at secret (/a/b.js:1:2)'), {
    code: 'ECONNREFUSED',
    headers: { authorization: 'x' },
  });
  const error = new StoreError('STORE_UNAVAILABLE', { detail: 'cannot reach it', cause: driver });
  logger.error({ err: error }, 'store down');
  expect(lines.join()).not.toContain('hunter2');
  expect(last()['err']).toMatchObject({
    name: 'StoreError',
    code: 'STORE_UNAVAILABLE',
    reason: 'cannot reach it',
    cause: { name: 'TypeError', code: 'ECONNREFUSED' },
  });
  expect(JSON.stringify(last()['err'])).toMatch(/logger\.test\.ts:\d+:\d+/);
});

it('loses no line when the process ends', () => {
  const script = `
    const { createLogger } = require('./utils/jsonLogger');
    const logger = createLogger({ level: 'info' });
    for (let i = 0; i < 2000; i++) logger.info({ count: i }, 'e');
  `;
  const root = join(__dirname, '../..');
  const child = spawnSync(process.execPath, ['--import', 'tsx', '-e', script], {
    cwd: root,
    encoding: 'utf8',
  });
  const lines = child.stdout.trim().split('\n');
  expect(lines).toHaveLength(2000);
  expect(JSON.parse(lines[1999] ?? '{}')).toMatchObject({ count: 1999 });
});
