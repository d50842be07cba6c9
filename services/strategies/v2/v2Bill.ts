/**
 * Bills of API v2: the answer is the file, plain or packed, without signature or hash. An error is XML, told apart by
 * its first bytes. Nothing but TLS proves either.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { BillAnswer } from '../bill';
import { faultReply, requestIdOf } from '../reply';
import type { WechatCall, WechatReply } from '../strategy';
import type { V2Outbound } from './v2Outbound';
import { beginsAsXml, readXml } from './xml';

const HEAD_MS = 10_000;
/** A bill that stops flowing for so long is broken off. */
const IDLE_MS = 10_000;
const ERROR_BYTES_MAX = 64 * 1024;

/** WeChat writes them with small and capital letters. */
const CODES: Readonly<Record<string, string>> = {
  nobillexist: 'NO_STATEMENT_EXIST',
  billcreating: 'STATEMENT_CREATING',
  signerror: 'SIGN_ERROR',
};

export async function openV2Bill(outbound: V2Outbound, call: WechatCall): Promise<BillAnswer> {
  const opened = await outbound.open(call, HEAD_MS);
  if ('fault' in opened) return faultReply(opened.fault);
  const { stream } = opened;
  stream.setTimeout(IDLE_MS, () => stream.destroy(new Error('BILL_IDLE')));
  const { statusCode: status = 0, headers } = stream;
  const requestId = requestIdOf({ status, headers, raw: Buffer.alloc(0) });
  if (status !== 200) {
    stream.destroy();
    return { kind: 'unknown', reason: 'status', status, requestId };
  }
  // Read by one iterator from start to end: a second reader of the stream would hang.
  const chunks = stream.iterator() as Chunks;
  try {
    const { value: first } = await chunks.next();
    if (first === undefined || !beginsAsXml(first)) return offer(stream, whole(first, chunks));
    return errorOf(await read(whole(first, chunks)), requestId);
  } catch (error) {
    // Ours have a message that is a code.
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'unknown', reason: 'network', code: code ?? message, requestId };
  }
}

type Chunks = AsyncIterableIterator<Buffer, undefined>;

async function* whole(first: Buffer | undefined, rest: Chunks): AsyncGenerator<Buffer> {
  if (first === undefined) return;
  yield first;
  yield* rest;
}

const offer = (stream: IncomingMessage, bytes: AsyncIterable<Buffer>): BillAnswer => ({
  kind: 'bill',
  hash: undefined,
  open() {
    const out = Readable.from(bytes, { objectMode: false });
    // A reader that stops before the first byte has not started the iterator, which would end the stream.
    out.on('close', () => stream.destroy());
    return Promise.resolve(out);
  },
});

/** The end of what is too long for an error is left out. */
async function read(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > ERROR_BYTES_MAX) break;
    kept.push(chunk);
  }
  return Buffer.concat(kept);
}

function errorOf(raw: Buffer, requestId: string | null): WechatReply {
  const message = (readXml(raw)?.get('return_msg') ?? '').slice(0, 512);
  const code = CODES[message.replace(/[\s_]/g, '').toLowerCase()] ?? 'PARAM_ERROR';
  return { kind: 'refused', status: 400, code, message, requestId, repeated: false };
}
