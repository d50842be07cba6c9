/** An error reply of WeChat. `numeric` is what stands behind the dash of Request-ID. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly o: { detail?: unknown; numeric?: number } = {},
  ) {
    super(message);
  }
}

/** The payer's phone, or the test that controls the simulator, asked for something impossible. */
export class SimulatorError extends Error {}

export const NUMERIC = {
  orderNotExist: 268512771,
  paramIllegal: 268435461,
  outOfRange: 268435464,
  orderPaid: 268449538,
  unknownField: 270924358,
  signError: 268443699,
  openidMissing: 268501013,
  changedRepeat: 268498688,
  appidMchid: 268445527,
  orderInvalid: 268447914,
  closeCodepay: 268449641,
  merchantOrder: 268447843,
  rateLimit: 268447840,
  noRelation: 268443701,
  subMchidMissing: 268443704,
  subMchidOwn: 268443705,
  otherShop: 268447845,
} as const;

export function paramError(
  message: string,
  o: { detail?: unknown; numeric?: number } = {},
): ApiError {
  return new ApiError(400, 'PARAM_ERROR', message, { numeric: NUMERIC.paramIllegal, ...o });
}

export function invalidRequest(message: string, numeric: number = NUMERIC.paramIllegal): ApiError {
  return new ApiError(400, 'INVALID_REQUEST', message, { numeric });
}

/** Splits a switch such as `404 NOT_FOUND` into an error. */
export function switchedError(value: string, message: string, numeric?: number): ApiError {
  const [status, code] = value.split(' ') as [string, string];
  return new ApiError(Number(status), code, message, numeric === undefined ? {} : { numeric });
}
