/** Callbacks of somebody who knows every number and every plaintext, has seen genuine ones, and has no key. */
import { createCipheriv, createSign } from 'node:crypto';
import type { Message, Plain, Simulator } from '../../../simulator';
import { NOTIFY_ROUTES } from '../../../routes/notifyRoutes';
import { createKeyObjects } from '../../helpers/keyPairs';
import { COMBINED, OPEN, PAID, PART, REFUND, TRANSFER, type Facts } from './scene';
import { PAYER } from './stage';

export type Kind = 'payment' | 'refund' | 'transfer';
export interface Forgery {
  readonly name: string;
  /** It names a number that waits for news: WeChat may be asked, and the record remembers when. */
  readonly hint: boolean;
  readonly message: { readonly body: string; readonly headers?: Message['headers'] };
}

export const DOORS: readonly string[] = ['/', ...Object.keys(NOTIFY_ROUTES)];

const EVENT = {
  payment: 'TRANSACTION.SUCCESS',
  refund: 'REFUND.SUCCESS',
  transfer: 'MCHTRANSFER.BILL.FINISHED',
} as const;
const PARSED = { payment: 'transaction', refund: 'refund', transfer: 'mch_payment' } as const;

/** What each would say, were it true. */
function wishes(simulator: Simulator, facts: Facts): Readonly<Record<Kind, Plain>> {
  const { merchantId: mchid, appId: appid } = simulator.credentials;
  return {
    payment: {
      appid,
      mchid,
      out_trade_no: OPEN,
      transaction_id: '4200000000202601026666666666',
      trade_type: 'JSAPI',
      trade_state: 'SUCCESS',
      success_time: '2026-01-02T10:00:00+08:00',
      payer: { openid: PAYER },
      amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
    },
    refund: { ...simulator.refund(REFUND), mchid, status: undefined, refund_status: 'SUCCESS' },
    transfer: {
      mch_id: mchid,
      out_bill_no: TRANSFER,
      transfer_bill_no: facts.transfer_bill_no,
      state: 'FAIL',
      transfer_amount: 100,
      openid: PAYER,
      fail_reason: 'ALL_FAIL',
      update_time: '2026-01-02T10:00:00+08:00',
    },
  };
}

const own = createKeyObjects();

function bySelf(m: Message): Message {
  const { 'Wechatpay-Timestamp': at = '', 'Wechatpay-Nonce': nonce = '' } = m.headers;
  const signature = createSign('RSA-SHA256')
    .update(`${at}\n${nonce}\n${m.body}\n`)
    .sign(own.privateKey, 'base64');
  return { ...m, headers: { ...m.headers, 'Wechatpay-Signature': signature } };
}

function without(m: Message, name: string): Message {
  const { [name]: _gone, ...headers } = m.headers;
  return { ...m, headers };
}

/** Sealed with a key he made up, with a tag of any length. */
function sealed(plain: Plain, tagBytes: number): Plain {
  const nonce = 'abcdefghijkl';
  const key = Buffer.alloc(32, 'x');
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from('transaction'));
  const body = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final()]);
  const ciphertext = Buffer.concat([body, cipher.getAuthTag()]).toString('base64');
  return {
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext,
    nonce,
    associated_data: 'transaction',
    original_type: 'transaction',
  };
}

/** Signed well once, and then not what was signed any more; or signed by somebody else. */
function spoiled(simulator: Simulator, kind: Kind, plain: Plain): readonly Forgery[] {
  const seconds = Math.floor(simulator.clock.now() / 1000);
  const good = simulator.makeNotification(kind, plain);
  const made = (o: object): Message => simulator.makeNotification(kind, plain, o);
  const all: Readonly<Record<string, Message>> = {
    'signed by himself': bySelf(good),
    'signed by himself, key named __proto__': bySelf(made({ serial: '__proto__' })),
    'a probe': made({ signature: `WECHATPAY/SIGNTEST/${'A'.repeat(300)}` }),
    'no signature': made({ signature: '' }),
    'five minutes old': made({ timestamp: seconds - 301 }),
    'five minutes ahead': made({ timestamp: seconds + 301 }),
    'an unknown key': made({ serial: 'PUB_KEY_ID_0000000000000000000000000' }),
    'another body': { ...good, body: good.body.replace('"id":"', '"id":"0') },
    'a blank more': { ...good, body: `${good.body} ` },
    'cut short': { ...good, body: good.body.slice(0, -9) },
    'no time': without(good, 'Wechatpay-Timestamp'),
    'no nonce': without(good, 'Wechatpay-Nonce'),
    'no serial': without(good, 'Wechatpay-Serial'),
  };
  return Object.entries(all).map(([name, message]) => ({ name, hint: false, message }));
}

/** Never signed by anybody. */
function unsigned(kind: Kind, plain: Plain): readonly Forgery[] {
  const event_type = EVENT[kind];
  const labels = { id: 'x', event_type, resource_type: 'encrypt-resource' };
  const all: Readonly<Record<string, unknown>> = {
    'plaintext as the reference reads it': { event_type, ParsedContent: plain },
    'plaintext beside labels': { rawData: labels, ParsedContent: plain },
    'plaintext, labels as text': { rawData: JSON.stringify(labels), ParsedContent: plain },
    'plaintext as ParsedNotify': { ParsedNotify: { ...labels, resource: plain } },
    'sealed with a key of his own': { ...labels, resource: sealed(plain, 16) },
    'sealed with a short tag': { rawData: { ...labels, resource: sealed(plain, 4) } },
    'sealed, with plaintext beside': {
      rawData: { ...labels, resource: sealed(plain, 16) },
      ParsedContent: plain,
    },
    'plaintext in place of the ciphertext': {
      rawData: { ...labels, resource: { ...plain, original_type: PARSED[kind] } },
      ParsedContent: plain,
    },
  };
  const empty = { empty: '', null: 'null', list: '[]', number: '1', junk: 'SUCCESS' };
  return [
    ...Object.entries(all).map(([name, body]) => ({
      name,
      hint: true,
      message: { body: JSON.stringify(body) },
    })),
    ...Object.entries(empty).map(([name, body]) => ({ name, hint: false, message: { body } })),
  ];
}

export function forgeries(
  simulator: Simulator,
  facts: Facts,
): readonly (Forgery & { kind: Kind })[] {
  const wished = wishes(simulator, facts);
  const kinds = ['payment', 'refund', 'transfer'] as const;
  return kinds.flatMap((kind) =>
    [
      ...spoiled(simulator, kind, wished[kind]),
      ...unsigned(kind, wished[kind]),
      ...wrongLabels(simulator, kind, wished[kind]),
    ].map((one) => ({ ...one, kind })),
  );
}

/** Genuine bytes of WeChat's for something else: they open, and are still not what they are taken for. */
function wrongLabels(simulator: Simulator, kind: Kind, plain: Plain): readonly Forgery[] {
  if (kind !== 'payment') return [];
  const foreign = { ...plain, mchid: '1900000002' };
  const all: Readonly<Record<string, Message>> = {
    "another merchant's": simulator.makeNotification(kind, foreign),
    'relabelled as a refund': simulator.makeNotification(kind, plain, {
      event_type: 'REFUND.SUCCESS',
      original_type: 'refund',
    }),
    'about no state': simulator.makeNotification(kind, { ...plain, trade_state: undefined }),
    "a part's number": simulator.makeNotification(kind, {
      ...foreign,
      out_trade_no: PART,
      combine_out_trade_no: COMBINED,
    }),
  };
  return Object.entries(all).map(([name, message]) => ({ name, hint: false, message }));
}

/** Genuine callbacks that were seen before, sent again: answered as repeats, and nothing more. */
export const replays = (simulator: Simulator): readonly Message[] => [
  simulator.makeNotification('payment', simulator.order(PAID) ?? {}),
];
