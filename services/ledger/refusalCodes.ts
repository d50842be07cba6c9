/** What the code of a refusal says by itself, whether or not it is proven. Pure. */

/** Codes come with and without underscores on live calls: compared without. */
export const plainCode = (code: string): string => code.replaceAll('_', '').toUpperCase();

const RETRYABLE = new Set(['FREQUENCYLIMITED', 'RATELIMITEXCEEDED', 'SYSTEMERROR', 'BANKERROR']);

/** true: the same request may succeed later, so it is no verdict however well proven. */
export const isTransient = (code: string): boolean => RETRYABLE.has(plainCode(code));

/** Codes of WeChat's catalogue that say of a refund: not done. An unknown code says nothing. */
const NOT_DONE = new Set([
  'PARAMERROR',
  'INVALIDREQUEST',
  'APPIDMCHIDNOTMATCH',
  'MCHNOTEXISTS',
  'SIGNERROR',
  'NOAUTH',
  'RULELIMIT',
  'TRADEERROR',
  'ACCOUNTERROR',
  'USERACCOUNTABNORMAL',
  'REQUESTBLOCKED',
  'ORDERCLOSED',
  'ORDERNOTEXIST',
  'RESOURCENOTEXISTS',
  'NOTFOUND',
]);
/** The merchant's balance is too low: no verdict, for the same number goes through once there is money. */
export const saysBalanceTooLow = (code: string): boolean => plainCode(code) === 'NOTENOUGH';
export const saysNotDone = (code: string): boolean => NOT_DONE.has(plainCode(code));

/** Codes that say: this request is wrong as it stands, and another one under its number may be right. */
const WRONG_INPUT = new Set([
  'PARAMERROR',
  'INVALIDREQUEST',
  'APPIDMCHIDNOTMATCH',
  'OPENIDMISMATCH',
  'RULELIMIT',
]);
export const saysWrongInput = (code: string): boolean => WRONG_INPUT.has(plainCode(code));
