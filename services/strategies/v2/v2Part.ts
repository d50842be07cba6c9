/** API v2 of one merchant: calls, client parameters, notifications. */
import type { V2Credentials } from '../../../config/types';
import { ConfigError } from '../../../utils/errors';
import type { StrategyDeps } from '../outbound';
import type { AppParams, Invocation, PaymentParams, PayStrategy, WechatReply } from '../strategy';
import { createClientCertificate, type CertificateFault } from './clientCertificate';
import { signV2 } from './sign';
import { openV2Bill } from './v2Bill';
import { openXml } from './v2Notification';
import { createNonce, createV2Outbound, needsCertificate } from './v2Outbound';

export interface V2Part extends Pick<
  PayStrategy,
  'call' | 'bill' | 'requireFor' | 'signJsapi' | 'signApp' | 'openNotification'
> {
  /** Why refunds and reversals cannot be sent. */
  certificateFault(): Promise<CertificateFault | undefined>;
  close(): void;
}

/** Nothing was sent for lack of the certificate: the outcome is not known, and what is missing is named. */
async function unlessLacking<T>(send: () => Promise<T>): Promise<T | WechatReply> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof ConfigError) return noCertificate;
    throw error;
  }
}

const noCertificate: WechatReply = {
  kind: 'unknown',
  reason: 'credentials',
  code: 'clientCertificate',
  requestId: null,
};

export function createV2Part(deps: StrategyDeps, credentials: V2Credentials): V2Part {
  const { clock, logger, dialect: words } = deps;
  const certificate = createClientCertificate(credentials, clock);
  const outbound = createV2Outbound(deps, credentials, certificate);
  const seconds = (): string => String(Math.floor(clock.now() / 1000));
  return {
    call: (call) => unlessLacking(() => outbound.call(call)),
    bill: (call) => unlessLacking(() => openV2Bill(outbound, call)),
    async requireFor(call) {
      if (needsCertificate(call)) await certificate.open();
    },
    signJsapi: (input) => Promise.resolve(signJsapi(credentials, input, seconds())),
    signApp: (input) => Promise.resolve(signApp(credentials, input, seconds())),
    openNotification: async (input) => openXml({ credentials, words, logger }, input),
    certificateFault: () => certificate.fault(),
    close() {
      outbound.close();
    },
  };
}

function signJsapi(
  { apiKeyV2, signTypeV2: signType }: V2Credentials,
  { appid, prepay_id }: Invocation,
  timeStamp: string,
): PaymentParams {
  const signed = {
    appId: appid,
    timeStamp,
    nonceStr: createNonce(),
    package: `prepay_id=${prepay_id}`,
    signType,
  };
  return { ...signed, prepay_id, paySign: signV2(Object.entries(signed), apiKeyV2, signType) };
}

/** Names in lower case, as the App SDK reads them. */
function signApp(
  { apiKeyV2, signTypeV2, merchantId }: V2Credentials,
  { appid, prepay_id }: Invocation,
  timestamp: string,
): AppParams {
  const signed = {
    appid,
    partnerid: merchantId,
    prepayid: prepay_id,
    package: 'Sign=WXPay',
    noncestr: createNonce(),
    timestamp,
  };
  return { ...signed, sign: signV2(Object.entries(signed), apiKeyV2, signTypeV2) };
}
