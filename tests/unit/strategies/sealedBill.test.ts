/** Encrypted bills (二级商户资金账单): opened file by file, and only whole. */
import {
  constants,
  createCipheriv,
  createHash,
  generateKeyPairSync,
  publicEncrypt,
} from 'node:crypto';
import { Readable } from 'node:stream';
import { sealedBillOf } from '../../../services/strategies/sealedBill';
import type { WechatReply } from '../../../services/strategies/strategy';

type Json = Readonly<Record<string, unknown>>;

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const NONCE = 'abcdefghijklmnop';

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

function seal(text: string): Buffer {
  const cipher = createCipheriv('aes-256-gcm', KEY, Buffer.from(NONCE));
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

const fileOf = (bill_sequence: number, text: string, more: Json = {}): Json => ({
  bill_sequence,
  download_url: `https://api.mch.weixin.qq.com/${String(bill_sequence)}`,
  encrypt_key: publicEncrypt({ key: publicKey, ...OAEP }, KEY).toString('base64'),
  hash_type: 'SHA1',
  hash_value: sha1(seal(text)),
  nonce: NONCE,
  ...more,
});

const TEXTS: Readonly<Record<string, string>> = { '1': 'first\n', '2': 'second\n' };

async function read(list: readonly Json[], count: unknown = list.length): Promise<string> {
  const body = { download_bill_count: count, download_bill_list: list };
  const reply: WechatReply = {
    kind: 'proven',
    status: 200,
    body,
    requestId: null,
    repeated: false,
  };
  const download = (url: string): Promise<NodeJS.ReadableStream> =>
    Promise.resolve(Readable.from([seal(TEXTS[url.slice(-1)] ?? '')]));
  const offer = sealedBillOf(reply, download, privateKey);
  if (offer?.kind !== 'bill') throw new Error(offer?.kind ?? 'of another kind');
  let text = '';
  for await (const piece of await offer.open()) text += String(piece);
  return text;
}

test('files are joined in their order, whichever hash WeChat takes', async () => {
  const second = fileOf(2, 'second\n', { hash_value: sha1(Buffer.from('second\n')).toUpperCase() });
  expect(await read([second, fileOf(1, 'first\n')])).toBe('first\nsecond\n');
});

const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

test.each([
  ['another nonce', { nonce: 'ponmlkjihgfedcba' }],
  ['the hash of another file', { hash_value: 'a'.repeat(40) }],
  [
    'a key for somebody else',
    {
      encrypt_key: publicEncrypt({ key: stranger.publicKey, ...OAEP }, KEY).toString('base64'),
    },
  ],
  [
    'a key that is too short',
    {
      encrypt_key: publicEncrypt({ key: publicKey, ...OAEP }, KEY.subarray(16)).toString('base64'),
    },
  ],
])('with %s nothing is handed on', async (_what, changed) => {
  await expect(read([fileOf(1, 'first\n', changed)])).rejects.toMatchObject({
    code: 'WECHATPAY_UNPROVEN',
  });
});

test('all files together are held up to a bound, and no further', async () => {
  const MIB = 1024 * 1024;
  const text = 'x'.repeat(16 * MIB);
  const piece = Buffer.alloc(MIB);
  let handedOut = 0;
  function* endless(): Generator<Buffer> {
    for (; ; handedOut += 1) yield piece;
  }
  const body = { download_bill_count: 2, download_bill_list: [fileOf(1, text), fileOf(2, '')] };
  const reply = { kind: 'proven', status: 200, body, requestId: null, repeated: false } as const;
  const download = (url: string): Promise<NodeJS.ReadableStream> =>
    Promise.resolve(Readable.from(url.endsWith('1') ? [seal(text)] : endless()));
  const offer = sealedBillOf(reply, download, privateKey);
  if (offer?.kind !== 'bill') throw new Error('no bill');
  await expect(offer.open()).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
  // 64 MiB for both; a stream may read a few pieces ahead.
  expect(handedOut).toBeLessThan(56);
});

test.each([
  ['no files', [], 0],
  ['fewer files than are counted', [fileOf(1, 'first\n')], 2],
  ['a file without a key', [fileOf(1, 'first\n', { encrypt_key: undefined })], 1],
  ['more files than any bill has', Array.from({ length: 21 }, (_, i) => fileOf(i, '')), 21],
] as const)('a list of %s is no bill', async (_what, list, count) => {
  await expect(read(list, count)).rejects.toThrow('unknown');
});

test('any other answer is of another kind', () => {
  const reply = {
    kind: 'proven',
    status: 200,
    body: {},
    requestId: null,
    repeated: false,
  } as const;
  expect(sealedBillOf(reply, () => Promise.reject(new Error()), privateKey)).toBeUndefined();
});
