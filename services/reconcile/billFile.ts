/**
 * A bill on the local disk, whole and checked before anything in it is believed. It is kept packed: a bill
 * of a million rows is 300 MB plain and a tenth of that as it comes.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline as pipe, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createBillIdentity, type BillAsked } from './billIdentity';
import type { Collector } from './collector';
import { otherAnswer } from '../wechat/replyNumbers';
import type { BillOffer } from '../strategies/bill';
import type { WechatApi } from '../wechat/wechatApi';
import { plainCode } from '../ledger/refusalCodes';
import { refusalOf, upstreamError } from '../wechat/wechatErrors';
import { AppError, UpstreamError } from '../../utils/errors';

export interface BillFile {
  /** The plain bytes, from the beginning; as often as needed. */
  read(): AsyncIterable<Buffer>;
  /** About the number of its rows: free text may hold line breaks, too. */
  readonly lines: number;
  remove(): Promise<void>;
}

export interface BillSource {
  readonly api: Pick<WechatApi, 'bill'>;
  readonly collector: Collector;
  readonly mchid: string;
}

export type BillKind = 'tradebill' | 'fundflowbill';

const DISK_BYTES_MAX = 400 * 1024 * 1024;
const PLAIN_BYTES_MAX = 4 * 1024 * 1024 * 1024;
/** The URL lives 5 minutes and a download may break: a new one is requested, so often in all. */
const TRIES_MAX = 3;
const GZIP_MAGIC = 0x1f8b;
const LF = 10;

type Offer = BillAsked & Pick<BillOffer, 'hash' | 'open'>;

/** Applies for a bill. `none`: WeChat says that there was no business, which its unsigned 400 does not prove. */
async function apply(source: BillSource, kind: BillKind, date: string): Promise<Offer | 'none'> {
  const what = kind === 'tradebill' ? { bill_type: 'ALL' } : { account_type: 'BASIC' };
  const answer = await source.api.bill(kind, { bill_date: date, ...what, tar_type: 'GZIP' });
  const refusal = answer.kind === 'bill' ? undefined : refusalOf(answer);
  const code = refusal === undefined ? '' : plainCode(refusal.code);
  if (code === 'NOSTATEMENTEXIST') return 'none';
  if (code === 'STATEMENTCREATING') {
    throw new UpstreamError('WECHATPAY_REJECTED', {
      status: 409,
      detail: '账单生成中，请于次日 10 点后再试 / being made: try after 10:00 of the next day',
      upstream: {
        status: refusal?.status ?? 400,
        code: refusal?.code ?? '',
        message: refusal?.message ?? '',
        requestId: answer.kind === 'bill' ? null : answer.requestId,
        retryable: true,
      },
    });
  }
  if (answer.kind !== 'bill') throw upstreamError(answer);
  const asked =
    kind === 'tradebill' ? { bill_date: date, mchid: source.mchid } : { bill_date: date };
  return { hash: answer.hash, open: () => answer.open(), ...asked };
}

const tooLarge = (): UpstreamError =>
  new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'bill too large' });

/** Passes bytes on, and fails past a bound. */
function atMost(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= bytesMax) done(null, chunk);
      else done(tooLarge());
    },
  });
}

async function isPacked(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE(0) === GZIP_MAGIC;
  } finally {
    await file.close();
  }
}

function plainOf(path: string, packed: boolean): Readable {
  const file = createReadStream(path);
  // A fault anywhere destroys the last stream with its reason: its reader gets the error there.
  return packed ? pipe(file, createGunzip(), () => undefined) : file;
}

async function download(source: BillSource, offer: Offer, path: string): Promise<BillFile> {
  const stream = await offer.open();
  await pipeline(stream, atMost(DISK_BYTES_MAX), createWriteStream(path));
  const packed = await isPacked(path);
  const lines = await checkPlain(plainOf(path, packed), offer, source.collector);
  return {
    lines,
    async *read() {
      for await (const chunk of plainOf(path, packed) as AsyncIterable<Buffer>) {
        yield chunk;
        source.collector.done(chunk.length);
      }
    },
    remove: () => Promise.resolve(),
  };
}

/** @returns how many lines it has. @throws UpstreamError where it is not the bill that was announced. */
async function checkPlain(plain: Readable, offer: Offer, collector: Collector): Promise<number> {
  const sha1 = createHash('sha1');
  const identity = createBillIdentity(offer);
  let bytes = 0;
  let lines = 0;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      sha1.update(chunk);
      identity.push(chunk);
      bytes += chunk.length;
      if (bytes > PLAIN_BYTES_MAX) throw tooLarge();
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines++;
      collector.done(chunk.length);
    }
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'bill cut short', cause: error });
  }
  if (offer.hash !== undefined && sha1.digest('hex') !== offer.hash) {
    throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'bill hash' });
  }
  const other = identity.end();
  if (other !== undefined) throw otherAnswer(other);
  return lines;
}

/**
 * Fetches a day's bill.
 *
 * @returns `none` where WeChat says NO_STATEMENT_EXIST.
 * @throws  UpstreamError: WECHATPAY_REJECTED 409 while the bill is being made · WECHATPAY_UNPROVEN where the
 *   hash does not agree, even after asking again. Nothing is left on the disk then.
 */
export async function fetchBill(
  source: BillSource,
  kind: BillKind,
  date: string,
  signal?: AbortSignal,
): Promise<BillFile | 'none'> {
  const folder = await mkdtemp(join(tmpdir(), 'pay-common-bill-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  let fault: unknown;
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      signal?.throwIfAborted();
      const offer = await apply(source, kind, date);
      if (offer === 'none') {
        await remove();
        return 'none';
      }
      try {
        return { ...(await download(source, offer, join(folder, 'bill'))), remove };
      } catch (error) {
        fault = error;
      }
    }
    throw fault instanceof AppError
      ? fault
      : new UpstreamError('WECHATPAY_UNAVAILABLE', { detail: 'bill', cause: fault });
  } catch (error) {
    await remove();
    throw error;
  }
}
