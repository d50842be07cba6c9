/**
 * Whose bill it is, and of which day. WeChat's answer to a bill's application names neither, so the rows
 * tell: one of them at least must be of the day asked for, and of our merchant number where rows name one.
 * Rows of others beside it are no fault: they are counted, and nothing is made of them.
 */
export interface BillIdentity {
  /** Bytes as they pass; costs nothing once both are found. */
  push(chunk: Buffer): void;
  /** What the bill lacks at its end; undefined: it is the one that was asked for, or has no rows. */
  end(): 'bill_date' | 'mchid' | 'sub_mchid' | undefined;
}

export interface BillAsked {
  readonly bill_date: string;
  /** Not for fund-flow bills: their rows name no merchant. */
  readonly mchid?: string;
  /** The one shop of a service provider that it was asked of: then no row may be of another. */
  readonly sub_mchid?: string | undefined;
}

/** The beginning of any row: a back-tick and its time. */
const ROW = /\n`\d{4}-\d\d-\d\d/;
/** Longer than what is looked for: nothing is missed between two chunks. */
const TAIL_BYTES = 64;

/** Of a bill of one shop: whether any row is another's. Lines are looked at as a whole. */
function createShopRows(
  mchid: string,
  sub_mchid: string,
): { push(chunk: Buffer): void; foreign(): boolean } {
  const shop = `,\`${mchid},\`${sub_mchid},\``;
  let rest = '';
  let foreign = false;
  const look = (line: string): void => {
    foreign ||= ROW.test(`\n${line}`) && !line.includes(shop);
  };
  return {
    push(chunk) {
      // Numbers are ASCII: other characters may be cut without harm.
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(look);
    },
    foreign() {
      look(rest);
      return foreign;
    },
  };
}

export function createBillIdentity({ bill_date, mchid, sub_mchid }: BillAsked): BillIdentity {
  const shop =
    mchid === undefined || sub_mchid === undefined ? undefined : createShopRows(mchid, sub_mchid);
  const day = Buffer.from(`\n\`${bill_date}`);
  const merchant = mchid === undefined ? undefined : Buffer.from(`,\`${mchid},\``);
  let tail: Buffer = Buffer.alloc(0);
  let rows = false;
  let ofDay = false;
  let ofMerchant = merchant === undefined;
  return {
    push(chunk) {
      shop?.push(chunk);
      if (ofDay && ofMerchant) return;
      const bytes = Buffer.concat([tail, chunk]);
      ofDay ||= bytes.includes(day);
      ofMerchant ||= merchant !== undefined && bytes.includes(merchant);
      rows ||= ROW.test(bytes.toString('latin1'));
      tail = bytes.subarray(-TAIL_BYTES);
    },
    end() {
      if (!rows) return undefined;
      if (shop?.foreign() === true) return 'sub_mchid';
      if (!ofDay) return 'bill_date';
      return ofMerchant ? undefined : 'mchid';
    },
  };
}
