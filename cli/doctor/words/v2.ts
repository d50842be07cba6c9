/** What is said of API v2: its key, and the merchant's certificate. */
import type { Rows } from './row';

const RENEW = [
  '商户平台 → API 安全 → API 证书：重新申请，把新的 apiclient_cert.p12 以 base64 填入 clientCertificate',
  'merchant platform → API Security → API certificate: apply for one, and put the base64 of the new apiclient_cert.p12 into clientCertificate',
] as const;

export const V2 = {
  'v2.accepted': {
    severity: 'ok',
    says: [
      '微信支付接受了 API v2 的签名：apiKeyV2 正确',
      'WeChat Pay took a signature of API v2: apiKeyV2 is right',
    ],
  },
  'v2.key_wrong': {
    severity: 'fault',
    says: [
      '微信支付不接受 API v2 的签名：apiKeyV2 与商户平台的 APIv2 密钥不一致',
      "WeChat Pay refuses signatures of API v2: apiKeyV2 is not the merchant platform's APIv2 key",
    ],
    fix: [
      '商户平台 → API 安全 → APIv2 密钥：与 APIv3 密钥不同，设置后几分钟生效',
      'merchant platform → API Security → APIv2 key: another one than the APIv3 key, valid a few minutes after it is set',
    ],
  },
  'v2.unproven': {
    severity: 'fault',
    says: [
      '微信支付的 API v2 应答未通过验签',
      'the signature on an API v2 answer of WeChat Pay does not hold',
    ],
    fix: [
      '检查出口处的代理是否改动内容，以及 apiKeyV2、signTypeV2',
      'look for a proxy on the way out that changes content, then at apiKeyV2 and signTypeV2',
    ],
  },
  'v2.refused': {
    severity: 'fault',
    says: [
      '微信支付拒绝了 API v2 的查询（{code} {message}）',
      'WeChat Pay refused a query over API v2 ({code} {message})',
    ],
    fix: [
      '检查 merchantId 与 appId 是否绑定，以及公网出口',
      'check that merchantId and appId are bound, and the way out',
    ],
  },
  'v2.kept': {
    severity: 'ok',
    says: [
      '保留了 apiKeyV2：旧的 v2 订单可查询、关单并接收通知',
      'apiKeyV2 is kept: old orders of API v2 are queried, closed and notified',
    ],
  },
  'v2.no_certificate': {
    severity: 'warn',
    says: [
      '未设置 clientCertificate：退款、付款码收款与撤销一律 503',
      'clientCertificate is not set: refunds, payment codes and their reversals answer 503',
    ],
    fix: [
      '填入 apiclient_cert.p12 的 base64，或填写 API v3 的凭据（退款走 v3）',
      'set the base64 of apiclient_cert.p12, or the credentials of API v3 (refunds then go by v3)',
    ],
  },
  'v2.refunds_by_v3': {
    severity: 'ok',
    says: [
      '退款走 API v3；未设置 clientCertificate，付款码收款与撤销将 503',
      'refunds go by API v3; without clientCertificate payment codes and their reversals answer 503',
    ],
  },
  'v2.unreadable': {
    severity: 'fault',
    says: [
      'clientCertificate 无法打开：不是本商户 apiclient_cert.p12 的 base64（口令为商户号）',
      "clientCertificate cannot be opened: it is not the base64 of this merchant's apiclient_cert.p12 (password: the merchant id)",
    ],
    fix: RENEW,
  },
  'v2.expired': {
    severity: 'fault',
    says: [
      'clientCertificate 已过期：退款与撤销将失败',
      'clientCertificate has expired: refunds and reversals fail',
    ],
    fix: RENEW,
  },
  'v2.expires': {
    severity: 'warn',
    says: ['clientCertificate {days} 天后过期', 'clientCertificate expires in {days} days'],
    fix: RENEW,
  },
  'v2.old_issuer': {
    severity: 'warn',
    says: [
      'clientCertificate 由微信支付旧 CA 签发：升级证书后 14 天停用，届时 v2 退款失败',
      'clientCertificate comes from the old CA of WeChat Pay: 14 days after the upgrade it stops, and v2 refunds fail',
    ],
    fix: RENEW,
  },
  'v2.certificate_fits': {
    severity: 'ok',
    says: ['clientCertificate 可用', 'clientCertificate can be used'],
  },
} as const satisfies Rows;
