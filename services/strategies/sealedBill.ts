/**
 * A bill whose files are encrypted (二级商户资金账单): each with a key of its own, which WeChat encrypted for the merchant.
 * Small enough to be opened whole: nothing of a file is handed on before its tag and its hash were checked.
 * Source: 微信支付 APIv3《申请单个子商户资金账单》.
 */
import { constants, createDecipheriv, createHash, privateDecrypt } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BillAnswer } from './bill';
import { isJsonObject, textOf, type JsonObject } from './readJsonObject';
import type { WechatReply } from './strategy';
import { UpstreamError } from '../../utils/errors';

type Download = (url: string) => Promise<NodeJS.ReadableStream>;

const FILES_MAX = 20;
/** Of all files together: they are held in memory until the last one is proven. */
const BILL_BYTES_MAX = 64 * 1024 * 1024;
const TAG_BYTES = 16;
/** The documents show 16 characters. */
const NONCE = /^.{8,32}$/;
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' } as const;

interface SealedFile {
  readonly sequence: number;
  readonly url: string;
  readonly key: string;
  readonly nonce: string;
  readonly hash: string;
}

/** @returns undefined: the answer is about a bill of another kind. */
export function sealedBillOf(
  reply: WechatReply,
  download: Download,
  privateKey: string,
): BillAnswer | undefined {
  if (reply.kind !== 'proven' || reply.status !== 200) return undefined;
  const list: unknown = reply.body['download_bill_list'];
  if (!Array.isArray(list)) return undefined;
  const files = list.map((one: unknown) => (isJsonObject(one) ? fileOf(one) : undefined));
  const whole = files.filter((file) => file !== undefined);
  const counted =
    whole.length === files.length && whole.length === reply.body['download_bill_count'];
  if (!counted || whole.length === 0 || whole.length > FILES_MAX) {
    return { kind: 'unknown', reason: 'unproven', status: 200, requestId: reply.requestId };
  }
  whole.sort((a, b) => a.sequence - b.sequence);
  // No hash of the whole is announced: each file's is checked here.
  return { kind: 'bill', hash: undefined, open: () => openAll(whole, download, privateKey) };
}

function fileOf(file: JsonObject): SealedFile | undefined {
  const sequence = file['bill_sequence'];
  const url = textOf(file, 'download_url');
  const key = textOf(file, 'encrypt_key');
  const nonce = textOf(file, 'nonce');
  const hash = textOf(file, 'hash_value')?.toLowerCase();
  if (typeof sequence !== 'number' || url === undefined || key === undefined) return undefined;
  if (nonce === undefined || !NONCE.test(nonce) || hash === undefined) return undefined;
  return { sequence, url, key, nonce, hash };
}

async function openAll(
  files: readonly SealedFile[],
  download: Download,
  privateKey: string,
): Promise<NodeJS.ReadableStream> {
  const opened: Buffer[] = [];
  let left = BILL_BYTES_MAX;
  for (const file of files) {
    const sealed = await bytesOf(await download(file.url), left);
    left -= sealed.length;
    opened.push(openFile(file, sealed, privateKey));
  }
  return Readable.from(opened);
}

async function bytesOf(stream: NodeJS.ReadableStream, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax) throw unproven('bill too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** WeChat does not say which bytes its hash is taken of: either will do, for the tag proves the file besides. */
function openFile({ key, nonce, hash }: SealedFile, sealed: Buffer, privateKey: string): Buffer {
  if (sealed.length < TAG_BYTES) throw unproven('bill file');
  const split = sealed.length - TAG_BYTES;
  let plain: Buffer;
  try {
    const secret = privateDecrypt({ key: privateKey, ...OAEP }, Buffer.from(key, 'base64'));
    const decipher = createDecipheriv('aes-256-gcm', secret, Buffer.from(nonce, 'utf8'), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(split));
    plain = Buffer.concat([decipher.update(sealed.subarray(0, split)), decipher.final()]);
  } catch {
    throw unproven('bill file');
  }
  if (![sealed, plain].some((bytes) => sha1(bytes) === hash)) throw unproven('bill hash');
  return plain;
}

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

const unproven = (detail: string): UpstreamError =>
  new UpstreamError('WECHATPAY_UNPROVEN', { detail });
