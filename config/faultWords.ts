/**
 * What can be wrong with a setting: the codes, closed, and the sentences for people, in Chinese and in English.
 * Programs decide by the code. `{x}` stands for a parameter, `{setting}` for what the schema says of a setting.
 */
import { settingOf, type SettingName } from './schema';

export type Words = readonly [zh: string, en: string];

export const FAULT_WORDS = {
  missing: ['缺少，{setting}', 'missing, {setting}'],
  environment_missing: ['缺少，云开发环境 ID', 'missing, environment id'],
  pair_absent: [
    '未填：公钥模式须与 {other} 同填，平台证书模式两项都留空',
    'absent: set it with {other} for the public key scheme, neither for platform certificates',
  ],
  misspelt: ['未被使用，应写作 {meant}', 'is not read, write {meant}'],

  not_integer: ['应为 {range} 的整数', 'must be an integer, {range}'],
  not_boolean: ['应为 true 或 false', 'must be true or false'],
  not_choice: ['应为以下之一：{choices}', 'must be one of {choices}'],
  too_many: ['最多 {max} 个', 'at most {max}'],
  repeated: ['第 {at} 个：重复', 'no. {at}: given twice'],
  pasted_quote: ['含有引号，请核对是否误粘贴', 'holds a quotation mark: check what was pasted'],
  pasted_blank: [
    '含有空白或换行，请核对是否误粘贴',
    'holds a blank or a line break: check what was pasted',
  ],
  pasted_wide: [
    '含有全角或中文字符，请核对是否误粘贴',
    'holds a full-width or Chinese character: check what was pasted',
  ],

  base_path: ['应以 / 开头，如 /pay', 'must begin with /, as /pay'],
  origins: [
    '应为 * 或以逗号分隔的来源，如 https://shop.example.com',
    'must be * or a comma list of origins, as https://shop.example.com',
  ],

  operator_prefix: [
    '第 {at} 个：前缀只能是 read:、sweep:、sub:<sub_mchid>:、sha256:',
    'no. {at}: the only prefixes are read:, sweep:, sub:<sub_mchid>:, sha256:',
  ],
  operator_sub: [
    '第 {at} 个：sub: 之后的商户号不在 subMerchants 中',
    'no. {at}: the sub_mchid behind sub: is not on subMerchants',
  ],
  operator_sub_sweep: [
    '第 {at} 个：巡检属于整个服务商，不能绑定子商户',
    'no. {at}: the sweep is of the provider as a whole, not of one sub-merchant',
  ],
  operator_digest: [
    '第 {at} 个：sha256: 之后应为 64 位十六进制',
    'no. {at}: sha256: must be followed by 64 hex digits',
  ],
  operator_key: [
    '第 {at} 个：密钥应为 32–256 个可见字符',
    'no. {at}: a key has 32 to 256 visible ASCII characters',
  ],
  not_openid: ['第 {at} 个不是 openid', 'no. {at} is not an openid'],
  not_environment: ['不是合法的环境 ID', 'not an environment id'],
  headers_outside_scf: [
    '云函数之外任何人都能伪造 x-wx-openid，请确认前面的网关会改写它',
    'outside SCF anyone can forge x-wx-openid: make sure the gateway in front overwrites it',
  ],

  not_appid: ['不是合法的 AppID', 'not an AppID, as wxc1546068399a59fc'],
  unusual_appid: ['形式不像 AppID（wx 加 16 位十六进制）', 'does not look like wx + 16 hex digits'],
  not_mchid: ['应为纯数字的商户号', 'must be the merchant id, digits only'],
  sub_merchant: [
    '第 {at} 个应为 sub_mchid 或 sub_mchid:sub_appid',
    'no. {at} must be sub_mchid or sub_mchid:sub_appid',
  ],
  sub_is_provider: [
    '第 {at} 个：子商户号不能与 merchantId 相同',
    'no. {at}: a sub_mchid must differ from merchantId',
  ],
  sub_appid_is_own: [
    '第 {at} 个：sub_appid 是服务商自己的 AppID，应留空',
    "no. {at}: this sub_appid is the provider's own, leave it out",
  ],
  partner_in_v2: [
    'signMode=v2 不支持服务商模式，请使用 sdk 或 gateway',
    'signMode=v2 has no service provider mode: use sdk or gateway',
  ],
  not_serial: [
    '应为 40 位十六进制的商户 API 证书序列号',
    'must be the serial of the merchant API certificate, 40 hex digits',
  ],
  key_quote: [
    '含有引号，应为 32 个字母或数字',
    'holds a quotation mark, it has letters and digits only',
  ],
  key_blank: [
    '含有空白或换行，应为 32 个字母或数字',
    'holds a blank or a line break, it has letters and digits only',
  ],
  key_wide: [
    '含有全角或中文字符，应为 32 个字母或数字',
    'holds a full-width or Chinese character, it has letters and digits only',
  ],
  not_p12: [
    '不是 apiclient_cert.p12 的 base64，退款与撤销将不可用',
    'is not the base64 of apiclient_cert.p12: refunds and reversals will not work',
  ],
  key_length: ['应为 32 字节，现为 {bytes} 字节', 'must be 32 bytes, has {bytes}'],
  key_id_is_serial: [
    '这是证书序列号；应为微信支付公钥 ID，以 PUB_KEY_ID_ 开头',
    'this is the serial of a certificate; give the id of the WeChat Pay public key, PUB_KEY_ID_…',
  ],
  key_id: ['应以 PUB_KEY_ID_ 开头', 'must begin with PUB_KEY_ID_'],
  unusual_key_id: ['通常以 PUB_KEY_ID_ 开头', 'usually begins with PUB_KEY_ID_'],
  merchants_own_key: [
    '这是商户自己的公钥，应为微信支付公钥（商户平台下载的 wxp_pub.pem）',
    "this is the merchant's own public key; give wxp_pub.pem from the merchant platform",
  ],

  pem_too_long: ['内容过长', 'the value is too long'],
  pem_is_path: [
    '这里填入的是文件路径，应为文件内容',
    'this is the path of a file, not its content',
  ],
  pem_encrypted: ['私钥带有口令，请先解密', 'the key is protected by a password, decrypt it'],
  pem_incomplete: ['不是完整的 PEM，内容缺失或被改动', 'not a complete PEM, cut or changed'],
  pem_not_rsa: ['必须是 RSA 密钥', 'must be an RSA key'],
  pem_short: ['RSA 密钥不足 2048 位', 'the RSA key is shorter than 2048 bits'],
  pem_damaged: ['私钥内容已损坏，无法签名', 'the key is damaged and cannot sign'],
  private_is_public: [
    '这里填入的是公钥，应为商户 API 私钥',
    'this is a public key, not the merchant API private key',
  ],
  private_is_certificate: [
    '这里填入的是证书，应为商户 API 私钥',
    'this is a certificate, not the merchant API private key',
  ],
  public_is_private: [
    '这里填入的是私钥，应为微信支付公钥',
    'this is a private key, not the WeChat Pay public key',
  ],
  public_is_certificate: [
    '这里填入的是证书，应为微信支付公钥',
    'this is a certificate, not the WeChat Pay public key',
  ],

  not_url: ['不是完整的网址', 'not a full URL'],
  not_https: ['必须使用 https', 'must be https'],
  has_query: ['不能带参数或 #', 'must carry no query and no fragment'],
  local_host: ['微信支付无法访问内网地址', 'WeChat Pay cannot reach a local or private host'],
  url_too_long: ['过长', 'longer than 255 characters'],
  has_port: ['微信支付只支持默认端口', 'only the default port works'],
  no_path: ['缺少路径', 'has no path'],
  mode_gateway: [
    'signMode=gateway，但地址不是集成中心的回调域名；直接接收回调请用 signMode=sdk',
    'signMode=gateway, yet not an Integration Center host; use signMode=sdk to receive directly',
  ],
  mode_sdk: [
    'signMode=sdk，但地址是集成中心的回调域名；请用 signMode=gateway',
    'signMode=sdk, yet an Integration Center host; use signMode=gateway',
  ],
  transfers_not_forwarded: [
    '集成中心尚不转发转账回调，转账将靠查询得知结果',
    'Integration Center does not forward transfer notifications yet: transfers are polled',
  ],

  database_scheme: [
    '应以 file: mysql:// postgres:// mongodb:// cloudbase: memory: 之一开头',
    'must begin with file: mysql:// postgres:// mongodb:// cloudbase: or memory:',
  ],
  database_unreadable: [
    '无法解析：须有主机名（MongoDB 还须有库名），密码中的特殊字符须做 URL 编码',
    'cannot be read: it names a host (and for MongoDB a database), and special characters of the password are percent-encoded',
  ],
  files_vanish: [
    '云函数实例回收后本地文件会丢失，且各实例互不可见，请使用 mysql:// postgres:// mongodb:// 或 cloudbase:',
    'files vanish with a function instance and are not shared: use mysql://, postgres://, mongodb:// or cloudbase:',
  ],
  record_key: [
    '第 {at} 个：应为 32–256 个可见字符，如 openssl rand -hex 32',
    'no. {at}: a key has 32 to 256 visible ASCII characters, as from openssl rand -hex 32',
  ],
  wechat_host: [
    '应为 https 域名（本机可用 http），不带路径',
    'must be https, or http on loopback, without a path',
  ],

  one_receiver: ['只能设置其中一个', 'only one of them may be set'],
  secret_alone: ['缺少 webhookUrl', 'is given without webhookUrl'],
  two_secrets: ['最多两个', 'at most two'],
  webhook_secret: [
    '应为 whsec_ 加 base64，且不少于 24 字节',
    'must be whsec_ and base64 of 24 bytes or more',
  ],
  webhook_url: [
    '应为 https 地址（本机或内网 IP 可用 http），不含用户名密码',
    'must be https, or http on a loopback or private address, without a user name',
  ],

  file_unreadable: ['无法读取（{reason}）', 'cannot be read ({reason})'],
  file_open_to_others: [
    '其他用户也能读写此文件，请执行 chmod 600',
    'others may open this file: run chmod 600 on it',
  ],
  file_not_array: ['内容应为 JSON 数组', 'must hold a JSON array'],
  not_object: ['应为 JSON 对象', 'must be a JSON object'],
  merchant_key: [
    '应为 1–32 个小写字母、数字或 -，用作路径 /m/<key>',
    'must be 1 to 32 of a-z, 0-9 and -, as it stands in paths: /m/<key>',
  ],
  merchant_key_taken: ['与 {other} 重复，由其处理', 'is the key of {other}, which serves it'],
  mchid_taken: ['商户号已属于 {other}，由其处理', 'is the merchant id of {other}, which serves it'],
  mchid_of_environment: [
    '商户号与环境变量中的相同，由后者处理',
    'is the merchant id of the environment, which serves it',
  ],
  unknown_field: ['没有这个设置', 'is no setting'],
  of_deployment: [
    '属于整个部署，只能写在环境变量中',
    'belongs to the whole deployment: set it in the environment',
  ],
  not_plain: [
    '应为文本、数字或 true/false；列表也可为数组',
    'must be text, a number, true or false; a list may be an array',
  ],
  file_and_value: ['不能与 {other} 同时设置', 'cannot stand beside {other}'],
  derived_from_integration: [
    '由环境变量中的集成中心地址推得，微信支付的回调不会到达；请填写此商户自己的回调地址',
    'is made from the Integration Center address of the environment, where nothing of this merchant arrives: set its own',
  ],

  amqp_url: ['应为 amqp:// 或 amqps:// 地址', 'must be amqp:// or amqps://'],
} as const satisfies Readonly<Record<string, Words>>;

export type FaultCode = keyof typeof FAULT_WORDS;

export interface ConfigFault {
  /** The variable, as it is written in the environment. */
  readonly name: string;
  readonly code: FaultCode;
  /** What the sentence tells besides: never a value, for it may be a secret. */
  readonly params?: Readonly<Record<string, string>>;
  /** The file whose content belongs there. */
  readonly file?: string;
}

export function faultWords({ code, params = {} }: ConfigFault): Words {
  const fill = (language: 'zh' | 'en', text: string): string =>
    text.replace(/\{(\w+)\}/g, (_, key: string) => {
      const value = params[key] ?? '';
      return key === 'setting' ? settingOf(value as SettingName)[language] : value;
    });
  const [zh, en] = FAULT_WORDS[code];
  return [fill('zh', zh), fill('en', en)];
}

/** One line in both languages, for `/healthz`, replies and logs. */
export function faultSentence(fault: ConfigFault): string {
  const [zh, en] = faultWords(fault);
  const { name, file } = fault;
  const advice =
    file === undefined ? '' : `. 请粘贴 ${file} 的完整内容 / paste the whole of ${file}`;
  return `${name}: ${zh} / ${en}${advice}`;
}
