/** API v2's error words in those of v3, with the status that v3 answers them with. */

const WORDS: Readonly<Record<string, readonly [status: number, code: string]>> = {
  ORDERPAID: [400, 'ORDERPAID'],
  ORDERCLOSED: [400, 'ORDERCLOSED'],
  ORDERNOTEXIST: [404, 'ORDER_NOT_EXIST'],
  REFUNDNOTEXIST: [404, 'RESOURCE_NOT_EXISTS'],
  NOTENOUGH: [403, 'NOT_ENOUGH'],
  NOAUTH: [403, 'NO_AUTH'],
  OUTTRADENOUSED: [403, 'OUT_TRADE_NO_USED'],
  SIGNERROR: [401, 'SIGN_ERROR'],
  APPIDNOTEXIST: [400, 'APPID_MCHID_NOT_MATCH'],
  APPIDMCHIDNOTMATCH: [400, 'APPID_MCHID_NOT_MATCH'],
  MCHIDNOTEXIST: [400, 'MCH_NOT_EXISTS'],
  LACKPARAMS: [400, 'PARAM_ERROR'],
  PARAMERROR: [400, 'PARAM_ERROR'],
  XMLFORMATERROR: [400, 'PARAM_ERROR'],
  NOTUTF8: [400, 'PARAM_ERROR'],
  POSTDATAEMPTY: [400, 'PARAM_ERROR'],
  REQUIREPOSTMETHOD: [400, 'PARAM_ERROR'],
  TRADEOVERDUE: [400, 'INVALID_REQUEST'],
  USERACCOUNTABNORMAL: [403, 'USER_ACCOUNT_ABNORMAL'],
  TRADESTATEERROR: [403, 'TRADE_ERROR'],
  REVERSEEXPIRE: [400, 'INVALID_REQUEST'],
};

/** One that has no counterpart stays as it is: a guess would be read as a verdict. */
export function v3Words(code: string): { readonly status: number; readonly code: string } {
  const plain = code.replaceAll('_', '').toUpperCase();
  const known = Object.hasOwn(WORDS, plain) ? WORDS[plain] : undefined;
  return known === undefined ? { status: 400, code } : { status: known[0], code: known[1] };
}
