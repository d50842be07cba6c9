/**
 * Bills of API v2: the answer is the file, plain or packed, without signature or hash. An error is XML, told apart by
 * its first bytes. Nothing but TLS proves either.
 */
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
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
  const first = await firstOf(stream);
  if (first === undefined || !beginsAsXml(first)) return offer(stream, first);
  return errorOf(await restOf(stream, first), requestId);
}

/** The first bytes, enough to tell a file from an error; undefined: there are none. */
async function firstOf(stream: IncomingMessage): Promise<Buffer | undefined> {
  const head = stream.iterator({ destroyOnReturn: false });
  const first = (await head.next()) as IteratorResult<Buffer, undefined>;
  return first.value;
}

function offer(stream: IncomingMessage, first: Buffer | undefined): BillAnswer {
  return {
    kind: 'bill',
    hash: undefined,
    open() {
      const out = new PassThrough();
      if (first !== undefined) out.write(first);
      stream.on('error', (error) => out.destroy(error));
      stream.on('close', () => {
        if (!stream.complete) out.destroy(new Error('BILL_CUT_SHORT'));
      });
      out.on('close', () => stream.destroy());
      return Promise.resolve(stream.pipe(out));
    },
  };
}

async function restOf(stream: IncomingMessage, first: Buffer): Promise<Buffer> {
  const chunks = [first];
  let bytes = first.length;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ERROR_BYTES_MAX) break;
    chunks.push(chunk);
  }
  stream.destroy();
  return Buffer.concat(chunks);
}

function errorOf(raw: Buffer, requestId: string | null): WechatReply {
  const message = (readXml(raw)?.get('return_msg') ?? '').slice(0, 512);
  const code = CODES[message.replace(/[\s_]/g, '').toLowerCase()] ?? 'PARAM_ERROR';
  return { kind: 'refused', status: 400, code, message, requestId, repeated: false };
}
