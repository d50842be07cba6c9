/** API v2: does WeChat Pay take the key, and can the client certificate be used? */
import { randomBytes, X509Certificate } from 'node:crypto';
import type { Config, V2Credentials } from '../../config/types';
import { createHttpClient } from '../../services/strategies/http';
import type { WechatReply } from '../../services/strategies/strategy';
import { createClientCertificate } from '../../services/strategies/v2/clientCertificate';
import { createV2Outbound } from '../../services/strategies/v2/v2Outbound';
import type { Clock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { DAY_MS } from '../../utils/time';
import { found, type Finding } from './findings';

const SOON_DAYS = 30;
const CALL_MS = 10_000;
/** Certificates that WeChat Pay issued itself: replaced by those of an authority, after which they end. */
const OLD_ISSUER = /Tenpay/i;

interface Deps {
  readonly config: Config;
  readonly clock: Clock;
}

/** Without asking anyone. */
export async function checkV2({ config, clock }: Deps): Promise<readonly Finding[]> {
  const { v2, v3 } = config.credentials;
  if (v2 === undefined) return [];
  if (config.signMode !== 'v2') return [found('v2.kept')];
  const certificate = createClientCertificate(v2, clock);
  const fault = await certificate.fault();
  // Money goes back by API v3 where it can: reversals alone need it then.
  if (fault === 'missing')
    return [found(v3 === undefined ? 'v2.no_certificate' : 'v2.refunds_by_v3')];
  if (fault !== undefined) return [found(fault === 'expired' ? 'v2.expired' : 'v2.unreadable')];
  return ageOf((await certificate.open()).cert, clock.now());
}

function ageOf(pem: string, nowMs: number): readonly Finding[] {
  const { validTo, issuer } = new X509Certificate(pem);
  const days = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS);
  const findings = [
    ...(days < SOON_DAYS ? [found('v2.expires', { params: { days } })] : []),
    ...(OLD_ISSUER.test(issuer) ? [found('v2.old_issuer')] : []),
  ];
  return findings.length > 0 ? findings : [found('v2.certificate_fits')];
}

/** A query of a number that nobody has: WeChat's signed "no such order" proves the key. */
export async function askV2({ config, clock }: Deps): Promise<readonly Finding[]> {
  const { v2 } = config.credentials;
  if (v2 === undefined) return [];
  const reply = await query(v2, { config, clock });
  if (reply.kind === 'proven') return [found('v2.accepted')];
  if (reply.kind === 'refused' && reply.code === 'SIGN_ERROR') return [found('v2.key_wrong')];
  if (reply.kind === 'unknown' && reply.reason === 'unproven') return [found('v2.unproven')];
  const { code = '', message = '' } = reply;
  return [found('v2.refused', { params: { code, message } })];
}

async function query(v2: V2Credentials, { config, clock }: Deps): Promise<WechatReply> {
  const http = createHttpClient();
  const outbound = createV2Outbound(
    { config, clock, logger: silentLogger, http },
    v2,
    createClientCertificate(v2, clock),
  );
  const { appId: appid, merchantId: mch_id } = v2;
  const out_trade_no = `DOCTOR${randomBytes(10).toString('hex')}`;
  try {
    return await outbound.call({
      method: 'POST',
      path: '/pay/orderquery',
      body: JSON.stringify({ appid, mch_id, out_trade_no }),
      deadline: clock.now() + CALL_MS,
    });
  } finally {
    outbound.close();
  }
}
