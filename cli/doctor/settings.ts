/**
 * The settings as the service itself judges them, each fault under an id of its own. `readConfig` judges, so
 * the doctor never accepts what the service refuses; here each code gets its id, and a remedy.
 */
import { readConfig } from '../../config/config';
import { faultWords, type ConfigFault, type FaultCode, type Words } from '../../config/faultWords';
import type { Config } from '../../config/types';
import type { Env } from '../io';
import { fault, ok, warn, type Finding, type More } from './findings';

interface Rule extends More {
  readonly id: string;
}

const PASTE: Words = [
  '请粘贴商户平台下载的 apiclient_key.pem 的完整内容，含 BEGIN/END 两行',
  'paste the whole of apiclient_key.pem, with its BEGIN and END lines',
];
const PUBLIC_KEY: Words = [
  '商户平台 → 账户中心 → API 安全 → 微信支付公钥：下载 wxp_pub.pem 并复制公钥 ID',
  'merchant platform → Account Center → API Security → WeChat Pay Public Key: wxp_pub.pem and its id',
];
const API_V3_KEY: Words = [
  '与商户平台 → API 安全 → APIv3 密钥 所设的 32 个字符一致，前后无空格',
  'the 32 characters set at merchant platform → API Security → APIv3 key, without blanks',
];
const NOTIFY: Words = [
  'https://域名/wechatpay/order（退款 /wechatpay/refund），公网可访问，不带参数与端口',
  'https://host/wechatpay/order (refunds: /wechatpay/refund), public, without query and port',
];
const MODE: Words = [
  '回调经集成中心转发用 signMode=gateway；微信直接回调本服务用 signMode=sdk',
  'signMode=gateway where Integration Center forwards, signMode=sdk where WeChat calls this service',
];
const FILL: Words = [
  '在集成中心编辑页（或 .env）填写后保存，等 1–2 分钟重新部署',
  'fill it in at Integration Center (or .env), save, wait 1–2 minutes for the redeployment',
];

const SUSPICIOUS: Rule = { id: 'suspicious' };
const SUSPICIOUS_KEY: Rule = { id: 'suspicious', faq: 'Q5', fix: API_V3_KEY };
const notify = (id: string): Rule => ({ id, faq: 'Q5', fix: NOTIFY });
const mode = (id: string): Rule => ({ id, faq: 'Q5', fix: MODE });
const pem = (id: string): Rule => ({ id, faq: 'Q3' });

/** All other codes are `invalid`. */
const RULES: Readonly<Partial<Record<FaultCode, Rule>>> = {
  missing: { id: 'missing' },
  environment_missing: { id: 'missing' },
  pair_absent: { id: 'missing' },
  misspelt: { id: 'misspelt', faq: 'Q2' },
  private_is_public: pem('is_public_key'),
  private_is_certificate: pem('is_certificate'),
  public_is_private: pem('is_private_key'),
  public_is_certificate: pem('is_certificate'),
  pem_is_path: pem('is_path'),
  pem_incomplete: pem('damaged'),
  pem_damaged: pem('damaged'),
  pem_encrypted: pem('encrypted'),
  pem_not_rsa: pem('not_rsa'),
  pem_short: pem('not_rsa'),
  merchants_own_key: { id: 'is_merchants_own', faq: 'Q10', fix: PUBLIC_KEY },
  key_quote: SUSPICIOUS_KEY,
  key_blank: SUSPICIOUS_KEY,
  key_wide: SUSPICIOUS_KEY,
  key_length: { id: 'length', faq: 'Q5', fix: API_V3_KEY },
  pasted_quote: SUSPICIOUS,
  pasted_blank: SUSPICIOUS,
  pasted_wide: SUSPICIOUS,
  not_https: notify('not_https'),
  has_query: notify('has_query'),
  local_host: notify('local'),
  not_url: notify('not_url'),
  has_port: notify('port'),
  no_path: notify('no_path'),
  mode_gateway: mode('mode_gateway'),
  mode_sdk: mode('mode_sdk'),
  transfers_not_forwarded: { id: 'not_forwarded' },
  unusual_appid: { id: 'unusual', faq: 'Q4' },
  unusual_key_id: { id: 'unusual', faq: 'Q10' },
  headers_outside_scf: { id: 'outside_scf' },
  files_vanish: { id: 'vanishes' },
  one_receiver: { id: 'both' },
};

/** Remedies that depend on the setting rather than on the kind of fault. */
const REMEDIES: Readonly<Record<string, More>> = {
  appId: {
    faq: 'Q4',
    fix: [
      '填写小程序的 AppID（不是公众号的），并与商户号绑定',
      'the AppID of the Mini Program (not of the Official Account), bound to the merchant id',
    ],
  },
  privateKey: { faq: 'Q3', fix: PASTE },
  wxPayPublicKey: { faq: 'Q10', fix: PUBLIC_KEY },
  wxPayPublicKeyId: { faq: 'Q10', fix: PUBLIC_KEY },
  merchantSerialNumber: {
    fix: [
      '商户平台 → API 安全 → 商户 API 证书 → 查看证书序列号',
      'merchant platform → API Security → merchant API certificate → serial number',
    ],
  },
};

type Make = typeof warn;

function severityOf({ code, name }: ConfigFault, given: Make): Make {
  // A merchant on platform certificates has neither of the pair.
  if (code === 'pair_absent') return warn;
  // A name in camelCase was meant for us, and may be a protection; one in capitals may be another program's.
  return code === 'misspelt' && /[a-z]/.test(name) ? fault : given;
}

/** A fault of the merchants file names the entry before the setting. */
const PLACE = /^merchantsFile\[\d+\]\./;

export function findingOf(found: ConfigFault, given: Make): Finding {
  const { name, code } = found;
  const rule = RULES[code] ?? { id: 'invalid' };
  const own = REMEDIES[name.replace(PLACE, '')];
  const [zh, en] = faultWords(found);
  // The FAQ sends whoever misses something to the checklist, whatever it is that is missing.
  const more =
    rule.id === 'missing'
      ? ({ faq: 'Q2', fix: FILL } as const)
      : { faq: own?.faq ?? rule.faq, fix: rule.fix ?? own?.fix };
  const id = `${name.replaceAll(', ', '+')}.${rule.id}`;
  return severityOf(found, given)(id, [`${name}：${zh}`, `${name}: ${en}`], more);
}

/** The settings, and all that is wrong with them; no settings where the service would refuse them. */
export function checkSettings(env: Env): {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
} {
  const { config, faults, warnings } = readConfig(env);
  const complete = ok('settings.complete', ['设置齐全', 'the settings are complete']);
  const findings = [
    ...(config === undefined ? faults.map((found) => findingOf(found, fault)) : [complete]),
    ...warnings.map((found) => findingOf(found, warn)),
  ];
  return { config, findings };
}
