/** What to do about a fault of the settings. What is wrong with it is said in `config/faultWords.ts`. */
import type { FaultCode } from '../../../config/faultWords';
import type { Row, Words } from './row';

type Remedy = Pick<Row, 'fix' | 'faq'>;

const PUBLIC_KEY: Words = [
  '商户平台 → 账户中心 → API 安全 → 微信支付公钥：下载 wxp_pub.pem 并复制公钥 ID',
  'merchant platform → Account Center → API Security → WeChat Pay Public Key: download wxp_pub.pem and copy its id',
];
const NOTIFY: Remedy = {
  faq: 'Q5',
  fix: [
    'https://域名/wechatpay/order（退款 /wechatpay/refund），公网可访问，不带参数与端口',
    'https://host/wechatpay/order (refunds: /wechatpay/refund), public, without query and port',
  ],
};
const MODE: Remedy = {
  faq: 'Q5',
  fix: [
    '回调经集成中心转发用 signMode=gateway；微信直接回调本服务用 signMode=sdk',
    'signMode=gateway where Integration Center forwards, signMode=sdk where WeChat calls this service',
  ],
};
const FILL: Remedy = {
  faq: 'Q2',
  fix: [
    '在集成中心编辑页（或 .env）填写后保存，等 1–2 分钟重新部署',
    'fill it in at Integration Center (or in .env), save, wait 1–2 minutes for the redeployment',
  ],
};

/** Remedies by the kind of fault. */
const BY_CODE: Readonly<Partial<Record<FaultCode, Remedy>>> = {
  missing: FILL,
  environment_missing: FILL,
  pair_absent: FILL,
  misspelt: { faq: 'Q2' },
  not_https: NOTIFY,
  has_query: NOTIFY,
  local_host: NOTIFY,
  not_url: NOTIFY,
  has_port: NOTIFY,
  no_path: NOTIFY,
  mode_gateway: MODE,
  mode_sdk: MODE,
};

/** Remedies by the setting, whatever is wrong with it. */
const BY_SETTING: Readonly<Record<string, Remedy>> = {
  appId: {
    faq: 'Q4',
    fix: [
      '填写小程序的 AppID（不是公众号的），并与商户号绑定',
      'use the AppID of the Mini Program (not of the Official Account), bound to the merchant id',
    ],
  },
  apiV3Key: {
    faq: 'Q5',
    fix: [
      '与商户平台 → API 安全 → APIv3 密钥 所设的 32 个字符一致，前后无空格',
      'use the 32 characters set at merchant platform → API Security → APIv3 key, without blanks',
    ],
  },
  privateKey: {
    faq: 'Q3',
    fix: [
      '请粘贴商户平台下载的 apiclient_key.pem 的完整内容，含 BEGIN/END 两行',
      'paste the whole of apiclient_key.pem, with its BEGIN and END lines',
    ],
  },
  wxPayPublicKey: { faq: 'Q10', fix: PUBLIC_KEY },
  wxPayPublicKeyId: { faq: 'Q10', fix: PUBLIC_KEY },
  merchantSerialNumber: {
    fix: [
      '商户平台 → API 安全 → 商户 API 证书 → 查看证书序列号',
      'merchant platform → API Security → merchant API certificate → serial number',
    ],
  },
};

/** A fault of the merchants file names the entry before the setting. */
const PLACE = /^merchantsFile\[\d+\]\./;

export function remedyOf(code: FaultCode, setting: string): Remedy {
  const byCode = BY_CODE[code];
  // Whatever is missing, the FAQ answers with the checklist.
  if (byCode === FILL) return FILL;
  return { ...byCode, ...BY_SETTING[setting.replace(PLACE, '')] };
}
