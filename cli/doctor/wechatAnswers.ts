/** WeChat's answers and silences in words: what each means for whoever set this up. */
import type { Config } from '../../config/types';
import type { HttpFault, HttpReply } from '../../services/strategies/http';
import { isJsonObject, readJsonObject, textOf } from '../../services/strategies/readJsonObject';
import type { Unproven } from '../../services/strategies/signature';
import type { LogFields } from '../../utils/logger';
import { fault, warn, type Finding, type Words } from './findings';

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']);
const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO)/;

const EGRESS: Words = [
  '检查公网出口、防火墙与代理（本服务不使用 HTTP_PROXY）；云函数加入 VPC 后默认没有公网出口',
  'check the way out, firewalls and proxies (HTTP_PROXY is not used); a function in a VPC has no way out',
];

export function networkFinding({ code }: HttpFault, config: Config): Finding {
  const { host } = new URL(config.wxPayBaseUrl);
  if (DNS.has(code)) {
    return fault(
      'network.dns',
      [`无法解析 ${host}（${code}）`, `${host} cannot be resolved (${code})`],
      { fix: EGRESS },
    );
  }
  if (TLS.test(code)) {
    return fault(
      'network.tls',
      [`与 ${host} 的 TLS 连接不可信（${code}）`, `the TLS connection to ${host} fails (${code})`],
      {
        fix: [
          '有代理在拆解 HTTPS，或系统根证书过旧',
          'some proxy opens HTTPS, or the root certificates of the system are old',
        ],
      },
    );
  }
  return fault(
    'network.unreachable',
    [`连不上 ${host}（${code}）`, `${host} cannot be reached (${code})`],
    { fix: EGRESS },
  );
}

interface Refusal {
  readonly id: string;
  readonly words: Words;
  readonly fix: Words;
  readonly faq?: Finding['faq'];
}

const SERIAL: Refusal = {
  id: 'wechat.serial',
  words: [
    'merchantSerialNumber 不是该商户号的证书序列号',
    'merchantSerialNumber is not a certificate of this merchant id',
  ],
  fix: [
    '核对 merchantId 与商户 API 证书序列号（不是平台证书的）；证书是否已作废',
    'check merchantId and the serial of the merchant API certificate (not of a platform one)',
  ],
};

const SIGNATURE: Refusal = {
  id: 'wechat.sign_mismatch',
  words: [
    '微信支付拒绝签名：privateKey 与 merchantSerialNumber 不是一对',
    'WeChat Pay refuses the signature: privateKey does not belong to merchantSerialNumber',
  ],
  fix: [
    '使用同一次申请的 apiclient_key.pem 与序列号；可用 --cert apiclient_cert.pem 离线核对',
    'take key and serial of one application; --cert apiclient_cert.pem checks them offline',
  ],
};

/** By code, compared without underscores, as WeChat writes both forms. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  MCHNOTEXISTS: {
    id: 'wechat.mch_unknown',
    words: ['商户号不存在', 'there is no such merchant id'],
    fix: ['核对 merchantId（10 位数字）', 'check merchantId (10 digits)'],
  },
  APPIDMCHIDNOTMATCH: {
    id: 'wechat.appid_unbound',
    words: ['appId 未与商户号绑定', 'appId is not bound to the merchant id'],
    fix: [
      '商户平台 → 产品中心 → AppID 账号管理：关联小程序',
      'merchant platform → Product Center → AppID management: bind the Mini Program',
    ],
    faq: 'Q6',
  },
  NOAUTH: {
    id: 'wechat.no_auth',
    words: ['商户没有此接口的权限', 'the merchant may not use this call'],
    fix: ['在商户平台开通 JSAPI 支付', 'apply for JSAPI payment on the merchant platform'],
    faq: 'Q6',
  },
};

const NOT_FOUND = new Set(['ORDERNOTEXIST', 'RESOURCENOTEXISTS', 'NOTFOUND']);
const plain = (code: string): string => code.replaceAll('_', '').toUpperCase();

/** @returns undefined: the signature was accepted, and the made-up number is unknown, as it should be. */
export function refusalFinding(reply: HttpReply): Finding | undefined {
  const body = readJsonObject(reply.raw);
  const code = textOf(body, 'code') ?? `HTTP_${reply.status}`;
  const message = textOf(body, 'message') ?? '';
  if (reply.status === 200 || (reply.status === 404 && NOT_FOUND.has(plain(code)))) {
    return undefined;
  }
  if (reply.status >= 500 || reply.status === 429) {
    const words = [`微信支付暂不可用（${code}）`, `WeChat Pay is unavailable (${code})`] as const;
    return warn('wechat.unavailable', words, { fix: ['稍后再试', 'try again later'] });
  }
  const known = plain(code) === 'SIGNERROR' ? signError(body) : REFUSALS[plain(code)];
  const { id, words, fix, faq } = known ?? {
    id: 'wechat.refused',
    words: [
      `微信支付拒绝了请求：${code} ${message}`,
      `WeChat Pay refuses the call: ${code} ${message}`,
    ] as const,
    fix: ['按错误码核对商户平台设置', 'look the code up on the merchant platform'] as const,
  };
  return fault(id, words, { fix, faq });
}

/** WeChat says in `detail` which part is wrong, so the finding can name the setting. */
function signError(body: ReturnType<typeof readJsonObject>): Refusal {
  const detail = body?.['detail'];
  const field = isJsonObject(detail) ? textOf(detail, 'field') : undefined;
  const message = textOf(body, 'message') ?? '';
  return field === 'serial_no' || message.includes('证书序列号') ? SERIAL : SIGNATURE;
}

const PUBLIC_KEY_MODE: Words = [
  '商户平台 → API 安全 → 微信支付公钥：填写 wxPayPublicKey 与 wxPayPublicKeyId（公钥模式）',
  'merchant platform → API Security → WeChat Pay Public Key: set wxPayPublicKey and its id',
];

/** Why no platform certificate could be had, from what the key ring logged. */
export function withoutCertificates({ reason, status, code }: LogFields): Finding {
  const said = [code, reason].find((word) => typeof word === 'string') ?? '';
  if (reason === 'none' && status === 403) {
    return fault(
      'certificates.void',
      [
        `平台证书已失效（${said}）：商户已切换到公钥模式`,
        `the platform certificates are void (${said}): the merchant has switched to public keys`,
      ],
      { fix: PUBLIC_KEY_MODE, faq: 'Q10' },
    );
  }
  if (reason === 'none') {
    return fault(
      'certificates.none',
      [
        `该商户没有平台证书（${said}），只有微信支付公钥`,
        `this merchant has no platform certificates (${said}), only a public key`,
      ],
      { fix: PUBLIC_KEY_MODE, faq: 'Q10' },
    );
  }
  if (reason === 'undecryptable') return wrongApiV3Key();
  return fault(
    'certificates.failed',
    [`平台证书下载失败：${said}`, `the platform certificates cannot be had: ${said}`],
    { fix: PUBLIC_KEY_MODE, faq: 'Q10' },
  );
}

export const wrongApiV3Key = (): Finding =>
  fault(
    'apiV3Key.wrong',
    [
      'apiV3Key 解不开微信支付的密文：与商户平台所设不一致',
      "apiV3Key does not open WeChat Pay's ciphertext: it is not the one set there",
    ],
    {
      fix: [
        '在商户平台 → API 安全 重新设置，并填写同一个值',
        'set it anew there, and the same here',
      ],
      faq: 'Q5',
    },
  );

const UNPROVEN: Readonly<Record<Unproven, Refusal>> = {
  headers_missing: {
    id: 'wechat.unsigned',
    words: ['应答没有签名头', 'the answer carries no signature'],
    fix: [
      '途中的代理去掉了 Wechatpay-* 头，或对端不是微信支付',
      'a proxy on the way drops the Wechatpay-* headers, or this is not WeChat Pay',
    ],
  },
  scheme: {
    id: 'wechat.scheme',
    words: ['应答使用了未知的签名算法', 'the answer is signed by an unknown scheme'],
    fix: ['确认商户未启用国密', 'check that the merchant has not chosen SM2'],
  },
  timestamp: {
    id: 'wechat.stale',
    words: ['应答的时间戳超出 5 分钟', 'the answer is dated more than 5 minutes away'],
    fix: ['途中有缓存，或本机时间不准', 'something on the way caches, or this clock is off'],
  },
  serial_unknown: {
    id: 'wechat.key_id',
    words: [
      '应答由另一把密钥签名：wxPayPublicKeyId 不对，或商户尚未切换到公钥',
      'the answer is signed by another key: wxPayPublicKeyId is wrong, or still platform certificates',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  signature: {
    id: 'wechat.public_key',
    words: [
      '应答验签失败：wxPayPublicKey 不是该公钥 ID 的公钥',
      'the answer does not verify: wxPayPublicKey is not the key of that id',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  keys: {
    id: 'certificates.failed',
    words: ['没有可用的验签密钥', 'there is no key to check the answer with'],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
};

export function unprovenFinding(verdict: Unproven): Finding {
  const { id, words, fix, faq } = UNPROVEN[verdict];
  return fault(id, words, { fix, faq });
}
