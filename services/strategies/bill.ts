/** A bill on offer: API v3 announces an address and a hash, API v2 answers with the bytes themselves. */
import type { WechatReply } from './strategy';
import { textOf } from './readJsonObject';

export interface BillOffer {
  readonly kind: 'bill';
  /** SHA-1 of the plain bytes, from a proven reply; undefined where WeChat announces none: then TLS alone vouches. */
  readonly hash: string | undefined;
  /** The bytes, packed or plain. Once. */
  open(): Promise<NodeJS.ReadableStream>;
}

export type BillAnswer = BillOffer | WechatReply;

/** What API v3 says of a bill it has. */
export function billOfferOf(
  reply: WechatReply,
  download: (url: string) => Promise<NodeJS.ReadableStream>,
): BillAnswer {
  if (reply.kind !== 'proven' || reply.status !== 200) return reply;
  const url = textOf(reply.body, 'download_url');
  const hash = textOf(reply.body, 'hash_value');
  const sha1 =
    (textOf(reply.body, 'hash_type') ?? 'SHA1').replace('-', '').toUpperCase() === 'SHA1';
  if (url === undefined || hash === undefined || !sha1) {
    const { requestId } = reply;
    return { kind: 'unknown', reason: 'unproven', status: 200, requestId };
  }
  return { kind: 'bill', hash: hash.toLowerCase(), open: () => download(url) };
}
