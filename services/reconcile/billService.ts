/** Bills as WeChat makes them: applied for, streamed through, checked against their hash on the way. */
import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { Caller } from '../access/caller';
import type { Shops } from '../access/shops';
import { createBillIdentity, type BillAsked } from './billIdentity';
import { otherAnswer } from '../wechat/replyNumbers';
import type { WechatApi } from '../wechat/wechatApi';
import { upstreamError } from '../wechat/wechatErrors';
import { UpstreamError, ValidationError } from '../../utils/errors';

export interface BillQuery {
  readonly bill_date: string;
  readonly bill_type?: 'ALL' | 'SUCCESS' | 'REFUND';
  readonly account_type?: 'BASIC' | 'OPERATION' | 'FEES';
  /** Of one shop of a service provider; absent: of all. */
  readonly sub_mchid?: string;
}

export interface Bill {
  /** The plain CSV; it fails at its end, and so breaks the connection, where it is not the bill asked for. */
  readonly stream: NodeJS.ReadableStream;
  /** SHA-1 of the plain bytes, as WeChat announced it; API v2 announces none. */
  readonly hash: string | undefined;
}

export interface BillService {
  open(query: BillQuery, caller: Caller): Promise<Bill>;
}

/** Passes bytes on and compares their SHA-1, the day and the merchant number at the end. */
function checked(expected: string | undefined, asked: BillAsked): Transform {
  const sha1 = createHash('sha1');
  const identity = createBillIdentity(asked);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha1.update(chunk);
      identity.push(chunk);
      done(null, chunk);
    },
    flush(done) {
      const same = expected === undefined || sha1.digest('hex') === expected;
      const other = identity.end();
      if (!same) done(new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'bill hash' }));
      else done(other === undefined ? null : otherAnswer(other));
    },
  });
}

export interface BillServiceDeps {
  readonly api: WechatApi;
  readonly mchid: string;
  readonly shops: Pick<Shops, 'viewOf'>;
}

export function createBillService(deps: BillServiceDeps): BillService {
  return {
    async open(query, caller) {
      const sub_mchid = deps.shops.viewOf(query.sub_mchid, caller);
      if (query.bill_type !== undefined && query.account_type !== undefined) {
        throw new ValidationError('PARAM_INVALID', { detail: 'bill_type | account_type' });
      }
      const fund = query.account_type !== undefined;
      const { bill_date, bill_type, account_type } = query;
      const ofShop = fund && sub_mchid !== undefined;
      const kind = ofShop ? 'sub-merchant-fundflowbill' : fund ? 'fundflowbill' : 'tradebill';
      const offer = await deps.api.bill(kind, {
        bill_date,
        ...(sub_mchid === undefined ? {} : { sub_mchid }),
        ...(bill_type === undefined ? {} : { bill_type }),
        ...(account_type === undefined ? {} : { account_type }),
        ...(ofShop ? { algorithm: 'AEAD_AES_256_GCM' } : {}),
      });
      if (offer.kind !== 'bill') throw upstreamError(offer);
      const { hash } = offer;
      const source = await offer.open();
      const bill = checked(
        hash,
        fund ? { bill_date } : { bill_date, mchid: deps.mchid, sub_mchid },
      );
      source.on('error', (error: Error) => bill.destroy(error));
      bill.on('close', () => {
        (source as unknown as { destroy?: () => void }).destroy?.();
      });
      return { stream: source.pipe(bill), hash };
    },
  };
}
