/**
 * The settings as the service itself judges them, each fault under a name of its own. The judging is
 * `loadConfig`'s, so that the doctor can never find well what the service refuses; here its sentences
 * are only told apart, and a remedy added.
 */
import { loadConfig } from '../../config/config';
import type { Config } from '../../config/types';
import { ConfigError } from '../../utils/errors';
import type { Env } from '../io';
import { fault, ok, warn, type Finding, type More, type Words } from './findings';

interface Rule {
  /** In the English half of the sentence. */
  readonly says: RegExp;
  readonly id: string;
  readonly severity?: 'warn';
  readonly faq?: Finding['faq'];
  readonly fix?: Words;
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

const RULES: readonly Rule[] = [
  { says: /^missing, /, id: 'missing', faq: 'Q2', fix: FILL },
  { says: /^absent: set it with/, id: 'missing', severity: 'warn' },
  { says: /this is a certificate/, id: 'is_certificate', faq: 'Q3' },
  { says: /this is a public key/, id: 'is_public_key', faq: 'Q3' },
  { says: /this is a private key/, id: 'is_private_key', faq: 'Q3' },
  { says: /merchant's own public key/, id: 'is_merchants_own', faq: 'Q10', fix: PUBLIC_KEY },
  { says: /this is the path of a file/, id: 'is_path', faq: 'Q3' },
  { says: /letters and digits only/, id: 'suspicious', faq: 'Q5', fix: API_V3_KEY },
  { says: /check what was pasted$/, id: 'suspicious', severity: 'warn' },
  { says: /not a complete PEM|damaged and cannot sign/, id: 'damaged', faq: 'Q3' },
  { says: /protected by a password/, id: 'encrypted', faq: 'Q3' },
  { says: /must be an RSA key|shorter than 2048/, id: 'not_rsa', faq: 'Q3' },
  { says: /must be 32 bytes/, id: 'length', faq: 'Q5', fix: API_V3_KEY },
  { says: /must be https$/, id: 'not_https', faq: 'Q5', fix: NOTIFY },
  { says: /no query and no fragment/, id: 'has_query', faq: 'Q5', fix: NOTIFY },
  { says: /cannot reach a local or private host/, id: 'local', faq: 'Q5', fix: NOTIFY },
  { says: /not a full URL/, id: 'not_url', faq: 'Q5', fix: NOTIFY },
  { says: /^signMode=gateway, yet/, id: 'mode_gateway', severity: 'warn', faq: 'Q5', fix: MODE },
  { says: /^signMode=sdk, yet/, id: 'mode_sdk', severity: 'warn', faq: 'Q5', fix: MODE },
  { says: /does not forward transfer/, id: 'not_forwarded', severity: 'warn' },
  { says: /^only the default port/, id: 'port', severity: 'warn', faq: 'Q5', fix: NOTIFY },
  { says: /^has no path/, id: 'no_path', severity: 'warn', faq: 'Q5', fix: NOTIFY },
  { says: /^does not look like wx/, id: 'unusual', severity: 'warn', faq: 'Q4' },
  { says: /^usually begins with/, id: 'unusual', severity: 'warn', faq: 'Q10' },
  { says: /anyone can forge x-wx-openid/, id: 'outside_scf', severity: 'warn' },
  { says: /^files vanish/, id: 'vanishes', severity: 'warn' },
  { says: /^is not read, write/, id: 'misspelt', severity: 'warn', faq: 'Q2' },
  { says: /^only one of them/, id: 'both' },
];

/** What is best said for a name rather than for a kind of fault. */
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

const CJK = /[\u3000-\u9fff\uff00-\uffef]/;

/** `name: 中文 / English[. 建议 / advice]`, as `config/` writes its sentences. */
function partsOf(sentence: string): { name: string; zh: string; en: string } {
  const at = sentence.indexOf(': ');
  const name = sentence.slice(0, at);
  const text = sentence.slice(at + 2).replace(/\. 请[^/]*\/ paste .*$/, '');
  // Both halves may hold a slash of their own: the English one begins where no Chinese follows.
  for (let cut = text.indexOf(' / '); cut >= 0; cut = text.indexOf(' / ', cut + 1)) {
    const en = text.slice(cut + 3);
    if (!CJK.test(en)) return { name, zh: text.slice(0, cut), en };
  }
  return { name, zh: text, en: text };
}

function findingOf(sentence: string): Finding {
  const { name, zh, en } = partsOf(sentence);
  const rule = RULES.find(({ says }) => says.test(en));
  const own = REMEDIES[name];
  const id = `${name.replaceAll(', ', '+')}.${rule?.id ?? 'invalid'}`;
  // The FAQ sends whoever misses something to the checklist, whatever it is that is missing.
  const faq = rule?.id === 'missing' ? 'Q2' : (own?.faq ?? rule?.faq);
  const fix = rule?.id === 'missing' ? FILL : (rule?.fix ?? own?.fix);
  // Written as ours are, it was meant for us, and may be a safety; capitals alone may be another program's.
  const ours = rule?.id === 'misspelt' && /[a-z]/.test(name);
  const make = rule?.severity === 'warn' && !ours ? warn : fault;
  return make(id, [`${name}：${zh}`, `${name}: ${en}`], { faq, fix });
}

/** The settings, and all that is wrong with them; no settings where the service would refuse them. */
export function checkSettings(env: Env): {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
} {
  try {
    const config = loadConfig(env);
    const warned = config.warnings.map(findingOf);
    return {
      config,
      findings: [ok('settings.complete', ['设置齐全', 'the settings are complete']), ...warned],
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, findings: error.faults.map(findingOf) };
  }
}
