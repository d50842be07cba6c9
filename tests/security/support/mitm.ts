/**
 * A man in the middle of the way to WeChat: sees every request, and answers with whatever he likes. He has no key of
 * WeChat's, so he makes one of his own, and keeps every genuine reply he has seen for later.
 */
import { createSign } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { Asked, Said, Trick } from '../../helpers/between';
import { createKeyObjects } from '../../helpers/keyPairs';

const own = createKeyObjects();

/** What passes for success of anything, were it believed. */
const LIE = {
  code: 'SUCCESS',
  status: 'SUCCESS',
  trade_state: 'SUCCESS',
  state: 'SUCCESS',
  refund_status: 'SUCCESS',
  prepay_id: 'wx020000000000000000000000000000000',
  code_url: 'weixin://wxpay/bizpayurl?pr=evil',
  refund_id: '50300000000000000000000000001',
  transfer_bill_no: '1330000000000000000000000001',
};

const json = { 'content-type': 'application/json; charset=utf-8' };
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** The number that was asked about, so that the lie fits. */
function numbersOf(asked: Asked): object {
  const inPath = /(?:out-trade-no|refunds|out-bill-no)\/([^/?]+)/.exec(asked.path)?.[1];
  const sent = asked.body.length === 0 ? {} : (JSON.parse(asked.body.toString()) as object);
  return {
    ...(inPath === undefined
      ? {}
      : { out_trade_no: inPath, out_refund_no: inPath, out_bill_no: inPath }),
    ...sent,
  };
}

const lie = (asked: Asked): Buffer => text({ ...numbersOf(asked), ...LIE });

function signedByHim(body: Buffer, serial: string, atMs: number): OutgoingHttpHeaders {
  const timestamp = String(Math.floor(atMs / 1000));
  const nonce = 'a'.repeat(32);
  const message = `${timestamp}\n${nonce}\n${body.toString()}\n`;
  return {
    ...json,
    'wechatpay-serial': serial,
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-signature': createSign('RSA-SHA256').update(message).sign(own.privateKey, 'base64'),
    'request-id': 'X',
  };
}

/** Every code of WeChat's that says "no", as he would forge it. */
const REFUSALS: readonly (readonly [number, string])[] = [
  [400, 'PARAM_ERROR'],
  [400, 'INVALID_REQUEST'],
  [400, 'APPID_MCHID_NOT_MATCH'],
  [400, 'MCH_NOT_EXISTS'],
  [400, 'ORDER_CLOSED'],
  [400, 'ORDER_PAID'],
  [400, 'ALREADY_EXISTS'],
  [401, 'SIGN_ERROR'],
  [403, 'NO_AUTH'],
  [403, 'OUT_TRADE_NO_USED'],
  [403, 'RULE_LIMIT'],
  [403, 'TRADE_ERROR'],
  [403, 'ACCOUNT_ERROR'],
  [403, 'NOT_ENOUGH'],
  [403, 'USER_ACCOUNT_ABNORMAL'],
  [403, 'REQUEST_BLOCKED'],
  [404, 'ORDER_NOT_EXIST'],
  [404, 'ORDERNOTEXIST'],
  [404, 'RESOURCE_NOT_EXISTS'],
  [404, 'NOT_FOUND'],
  [418, '__proto__'],
  [429, 'FREQUENCY_LIMITED'],
  [500, 'SYSTEM_ERROR'],
  [502, 'SERVICE_ERROR'],
];

const unsigned =
  (status: number, body: (asked: Asked) => Buffer, headers: OutgoingHttpHeaders = json): Trick =>
  (asked) =>
    Promise.resolve({ status, headers, body: body(asked) });

const HTML = Buffer.from('<html><title>login</title><body>Wi-Fi</body></html>');

/** The test sees to it that what is passed on to him was said an hour ago. */
export const REPLAYS = 'replays what WeChat once said to the same question';

/** @param wechat  what he knows of WeChat: the name of its key, its clock, and what it said to others. */
export function tricksOf(wechat: {
  readonly serial: () => string;
  /** How many of his refusals are tried. */
  readonly refusalsMax: number;
  readonly now: () => number;
  /** What WeChat said a moment ago of the same kind of thing, under another number. */
  readonly fresh: (asked: Asked) => Said | undefined;
}): readonly (readonly [name: string, trick: Trick])[] {
  const forged =
    (status: number, body: (asked: Asked) => Buffer): Trick =>
    (asked) => {
      const bytes = body(asked);
      const headers = signedByHim(bytes, wechat.serial(), wechat.now());
      return Promise.resolve({ status, headers, body: bytes });
    };
  const changed =
    (change: (said: Said) => Said | undefined): Trick =>
    async (_asked, pass) =>
      change(await pass());
  const without = (said: Said, ...names: readonly string[]): Said => ({
    ...said,
    headers: Object.fromEntries(
      Object.entries(said.headers).filter(([name]) => !names.includes(name)),
    ),
  });
  const withHeader = (name: string, value: string): Trick =>
    changed((said) => ({ ...said, headers: { ...said.headers, [name]: value } }));
  return [
    ['breaks the connection', () => Promise.resolve(undefined)],
    ['lets it be done, and breaks the connection', changed(() => undefined)],
    ['takes the signature away', changed((said) => without(said, 'wechatpay-signature'))],
    ['takes the time away', changed((said) => without(said, 'wechatpay-timestamp'))],
    ['takes the serial away', changed((said) => without(said, 'wechatpay-serial'))],
    ['writes another time', withHeader('wechatpay-timestamp', '1')],
    ['names another key', withHeader('wechatpay-serial', 'PUB_KEY_ID_0000000000000000000000000')],
    ['names a key out of a prototype', withHeader('wechatpay-serial', '__proto__')],
    ['sends a probe', withHeader('wechatpay-signature', `WECHATPAY/SIGNTEST/${'A'.repeat(300)}`)],
    ['changes the words', changed((said) => without(paidInWords(said), 'content-length'))],
    ['cuts the body', changed((said) => cut(said))],
    [
      REPLAYS,
      async (asked, pass) => {
        const said = await pass();
        return asked.method === 'GET' ? said : undefined;
      },
    ],
    ['tells what is true of another', (asked) => Promise.resolve(wechat.fresh(asked))],
    ['lies without a signature', unsigned(200, lie)],
    ['lies with 201', unsigned(201, lie)],
    ['lies with 202', unsigned(202, lie)],
    ['lies with 204', unsigned(204, () => Buffer.alloc(0))],
    ['leads elsewhere', unsigned(302, lie, { ...json, location: 'http://127.0.0.1:9/' })],
    ['lies, signed by a key of his own', forged(200, lie)],
    ['says closed, signed by a key of his own', forged(204, () => Buffer.alloc(0))],
    ['HTML with 200', unsigned(200, () => HTML, { 'content-type': 'text/html' })],
    ['HTML with 404', unsigned(404, () => HTML, { 'content-type': 'text/html' })],
    ['five megabytes', unsigned(200, () => Buffer.alloc(5_000_000, 0x20))],
    ['nothing at all', unsigned(200, () => Buffer.alloc(0))],
    ...REFUSALS.slice(-wechat.refusalsMax).flatMap(([status, code]) => {
      const body = (): Buffer => text({ code, message: '原因' });
      return [
        [`refuses with ${String(status)} ${code}`, unsigned(status, body)],
        [
          `refuses with ${String(status)} ${code}, signed by a key of his own`,
          forged(status, body),
        ],
      ] as const;
    }),
  ];
}

const STATES = /NOTPAY|PROCESSING|WAIT_USER_CONFIRM|ACCEPTED/g;

function paidInWords(said: Said): Said {
  const body = said.body.toString();
  const changed = body.replace(STATES, 'SUCCESS');
  // Where there is no state to change, a blank that JSON does not mind.
  return { ...said, body: Buffer.from(changed === body ? `${changed} ` : changed) };
}

function cut(said: Said): Said {
  const { 'content-length': _length, ...headers } = said.headers;
  return { ...said, headers, body: said.body.subarray(0, Math.max(0, said.body.length - 3)) };
}
