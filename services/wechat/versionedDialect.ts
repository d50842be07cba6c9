/**
 * Both versions of the API as one dialect. A new order is made in the version of the settings, and everything about it
 * stays there; what only API v3 has goes its way.
 */
import type { Dialect, RefundRef, V3Dialect, VersionDialect } from './dialect';
import { heldRefund } from '../ledger/refundMoney';
import { noticedRefundOf, transactionOf } from './v2/v2Facts';
import { asText } from './readFacts';
import { apiVersionOf, type ApiVersion } from '../strategies/strategy';

/** WeChat tells of the end of a refund alone. */
const ENDS: ReadonlySet<string> = new Set(['SUCCESS', 'ABNORMAL', 'CLOSED']);

export interface Versions {
  /** In which new orders are made. */
  readonly own: ApiVersion;
  readonly v3: V3Dialect;
  readonly v2: VersionDialect;
  /** The merchant has what API v3 is spoken with, so money goes back by it: no client certificate is needed. */
  readonly refundsByV3: boolean;
}

export function createVersionedDialect({ own, v3, v2, refundsByV3 }: Versions): Dialect {
  const of = (version: ApiVersion = 'v3'): V3Dialect | VersionDialect =>
    version === 'v2' ? v2 : v3;
  const ours = of(own);
  const ofRefund = (ref: RefundRef, no: string): V3Dialect | VersionDialect => {
    const path = ref.refunds?.find((one) => one.out_refund_no === no)?.request?.path;
    return of(path === undefined ? ref.api : apiVersionOf(path));
  };
  return {
    ...v3,
    account: { ...v3.account, api: own },
    accounts: v3.accounts.map((account) => ({ ...account, api: own })),
    requests: {
      ...v3.requests,
      order: (draft) => ours.requests.order(draft),
      charge: (draft) => ours.requests.charge(draft),
      refund: (order, draft) => (refundsByV3 ? v3 : of(order.api)).requests.refund(order, draft),
    },
    expected: {
      ...v3.expected,
      order: (record, body) => of(record.api).expected.order(record, body),
      refund(record, no, body) {
        const path = heldRefund(record, no)?.request?.path ?? '';
        return of(apiVersionOf(path)).expected.refund(record, no, body);
      },
    },
    queryOrder: (order) => of(order.api).queryOrder(order),
    queryTransaction: (account, id) => of(account.api).queryTransaction(account, id),
    closeOrder: (order) => of(order.api).closeOrder(order),
    reverseOrder: (order) => of(order.api).reverseOrder(order),
    queryRefund: (account, no) => ofRefund(account, no).queryRefund(account, no),
    bill: (kind, query) => ours.bill(kind, query),
    hear: (call, reply) => (apiVersionOf(call.path) === 'v3' ? reply : v2.hear(call, reply)),
    readXmlNotice(kind, fields) {
      if (kind === 'payment')
        return fields.result_code === 'SUCCESS' ? transactionOf(fields, 'SUCCESS') : undefined;
      const refund = noticedRefundOf(fields);
      return ENDS.has(asText(refund.refund_status) ?? '') ? refund : undefined;
    },
  };
}
