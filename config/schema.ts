/**
 * Every setting, defined once. `.env.example`, `cloudbaserc.json`, the table in the docs, `/healthz` and
 * the tests are all made from, or compared with, this list. Names without our own choice in them
 * (`signMode` … `corsAllowOrigin`) are those Integration Center injects and must not change.
 */
export interface Setting {
  readonly name: string;
  readonly type: 'text' | 'pem' | 'url' | 'list' | 'integer' | 'boolean' | 'choice';
  /** As it would be written in the environment; absent = none. */
  readonly fallback?: string;
  /**
   * Absent = optional. `pair` = both of a pair or neither; `scf` = inside SCF only; `v3`, `v2` = what the API of
   * `signMode` is spoken with.
   */
  readonly required?: 'always' | 'scf' | 'pair' | 'v3' | 'v2';
  /** Its value opens something: never printed, never put into an example. */
  readonly secret?: true;
  readonly choices?: readonly string[];
  /** Inclusive, for integers. */
  readonly range?: readonly [min: number, max: number];
  /** Of the deployment as a whole: an entry of `merchantsFile` may not hold it. */
  readonly deployment?: true;
  /** Set by the place the process runs in, not by the person who deploys. */
  readonly byPlatform?: true;
  readonly en: string;
  readonly zh: string;
}

export const SETTINGS = [
  {
    name: 'signMode',
    type: 'choice',
    choices: ['gateway', 'sdk', 'v2'],
    fallback: 'gateway',
    en: 'who receives notifications: gateway = Integration Center forwards them, sdk = this service; v2 = this service, over API v2',
    zh: '回调接收方式：gateway 由集成中心转发，sdk 由本服务直接接收；v2 为本服务直接接收，并使用 API v2',
  },
  {
    name: 'appId',
    type: 'text',
    required: 'always',
    en: 'AppID of the Mini Program',
    zh: '小程序 AppID',
  },
  {
    name: 'service_app_id',
    type: 'text',
    en: 'AppID of the official account, used with useServiceAccount',
    zh: '公众号 AppID，useServiceAccount 时使用',
  },
  {
    name: 'merchantId',
    type: 'text',
    required: 'always',
    en: 'merchant id (mchid), digits',
    zh: '商户号（数字）',
  },
  {
    name: 'apiV3Key',
    type: 'text',
    required: 'v3',
    secret: true,
    en: 'APIv3 key, exactly 32 bytes',
    zh: 'APIv3 密钥，恰为 32 字节',
  },
  {
    name: 'merchantSerialNumber',
    type: 'text',
    required: 'v3',
    en: 'serial number of the merchant API certificate, 40 hex digits',
    zh: '商户 API 证书序列号，40 位十六进制',
  },
  {
    name: 'privateKey',
    type: 'pem',
    required: 'v3',
    secret: true,
    en: 'content of apiclient_key.pem',
    zh: 'apiclient_key.pem 的内容',
  },
  {
    name: 'wxPayPublicKey',
    type: 'pem',
    required: 'pair',
    en: 'WeChat Pay public key (wxp_pub.pem); without it platform certificates are used',
    zh: '微信支付公钥（wxp_pub.pem）；不填则使用平台证书',
  },
  {
    name: 'wxPayPublicKeyId',
    type: 'text',
    required: 'pair',
    en: 'its id, PUB_KEY_ID_…',
    zh: '微信支付公钥 ID，PUB_KEY_ID_ 开头',
  },
  {
    name: 'apiKeyV2',
    type: 'text',
    required: 'v2',
    secret: true,
    en: 'API v2 key, exactly 32 characters; kept after a change to sdk it serves the old orders',
    zh: 'API v2 密钥，恰为 32 个字符；改用 sdk 后保留，用于旧订单的查询、关单与通知',
  },
  {
    name: 'signTypeV2',
    type: 'choice',
    choices: ['HMAC-SHA256', 'MD5'],
    fallback: 'HMAC-SHA256',
    en: 'how API v2 is signed',
    zh: 'API v2 的签名方式',
  },
  {
    name: 'clientCertificate',
    type: 'text',
    secret: true,
    en: 'base64 of apiclient_cert.p12, for refunds and reversals by API v2',
    zh: 'apiclient_cert.p12 的 base64，API v2 的退款与撤销需要',
  },
  {
    name: 'notifyURLPayURL',
    type: 'url',
    required: 'always',
    en: 'where WeChat Pay reports payments: https, public, no query',
    zh: '支付回调地址：公网 https，不带参数',
  },
  {
    name: 'notifyURLRefundsURL',
    type: 'url',
    required: 'always',
    en: 'where WeChat Pay reports refunds: https, public, no query',
    zh: '退款回调地址：公网 https，不带参数',
  },
  {
    name: 'transferNotifyUrl',
    type: 'url',
    en: 'where WeChat Pay reports transfers; none = transfers are polled',
    zh: '转账回调地址；不填则主动查询',
  },
  {
    name: 'corsAllowOrigin',
    type: 'list',
    deployment: true,
    en: 'origins of web pages that may call, comma list, or *',
    zh: '允许跨域的网页来源，逗号分隔，或 *',
  },
  {
    name: 'PORT',
    type: 'integer',
    deployment: true,
    fallback: '3000',
    range: [0, 65_535],
    byPlatform: true,
    en: 'port to listen on: 9000 in SCF, 80 in the container',
    zh: '监听端口：云函数为 9000，容器为 80',
  },
  {
    name: 'databaseUrl',
    type: 'url',
    deployment: true,
    fallback: 'file:.data/pay-common.db',
    required: 'scf',
    secret: true,
    en: 'where records live: file: mysql:// postgres:// mongodb:// cloudbase: memory: (required inside SCF)',
    zh: '记录存放处：file: mysql:// postgres:// mongodb:// cloudbase: memory:（云函数内必填）',
  },
  {
    name: 'CLOUDBASE_APIKEY',
    type: 'text',
    deployment: true,
    secret: true,
    en: 'server API key of the CloudBase environment, for databaseUrl=cloudbase:',
    zh: '云开发环境的服务端 API Key，databaseUrl=cloudbase: 时必填',
  },
  {
    name: 'recordKey',
    type: 'list',
    deployment: true,
    secret: true,
    en: 'seals stored records: comma list of keys, 32 characters or more each; the first seals, any opens; required for cloudbase:',
    zh: '记录封存密钥，逗号分隔，每个不少于 32 个字符；首个用于封存，其余可开启；cloudbase: 时必填',
  },
  {
    name: 'merchantsFile',
    type: 'text',
    deployment: true,
    en: 'further merchants: path of a JSON file that nobody else may read (docs/merchants.md)',
    zh: '更多商户：JSON 文件路径，文件不得让他人可读（见 docs/merchants.md）',
  },
  {
    name: 'subMerchants',
    type: 'list',
    en: 'makes the merchant a service provider (服务商): comma list of sub_mchid[:sub_appid] (docs/partner.md)',
    zh: '设置后为服务商模式：逗号分隔的 sub_mchid[:sub_appid]（见 docs/partner.md）',
  },
  {
    name: 'operatorKeys',
    type: 'list',
    secret: true,
    en: 'keys of operators: [name=][read:|sweep:][sub:<sub_mchid>:][sha256:]KEY, comma list, KEY of 32 characters or more',
    zh: '运营密钥：[name=][read:|sweep:][sub:<sub_mchid>:][sha256:]KEY，逗号分隔，KEY 不少于 32 个字符',
  },
  {
    name: 'operatorOpenids',
    type: 'list',
    en: 'openids that may refund and read as operators, never transfer; comma list',
    zh: '可退款和查询（不可转账）的运营人员 openid，逗号分隔',
  },
  {
    name: 'transferMaxFen',
    type: 'integer',
    fallback: '20000',
    range: [1, 1_000_000_000],
    en: 'largest single transfer, in fen',
    zh: '单笔转账上限（分）',
  },
  {
    name: 'transferDayFen',
    type: 'integer',
    fallback: '0',
    range: [0, 1_000_000_000_000],
    en: 'largest sum of transfers a day, in fen; 0 = no limit',
    zh: '每日转账总额上限（分），0 为不限',
  },
  {
    name: 'trustWxHeaders',
    type: 'boolean',
    deployment: true,
    en: 'believe x-wx-openid; default true inside SCF, else false',
    zh: '是否信任 x-wx-openid 请求头；云函数内默认 true，其他 false',
  },
  {
    name: 'foreignBearer',
    type: 'choice',
    deployment: true,
    choices: ['refuse', 'ignore'],
    fallback: 'refuse',
    en: 'a Bearer token that is not of our environment: refuse (401) or ignore',
    zh: '非本环境的 Bearer 令牌：refuse 拒绝（401）或 ignore 忽略',
  },
  {
    name: 'cloudbaseEnv',
    type: 'text',
    deployment: true,
    en: 'CloudBase environment whose access tokens are verified; default TCB_ENV or SCF_NAMESPACE',
    zh: '校验访问令牌所属的云开发环境；默认 TCB_ENV 或 SCF_NAMESPACE',
  },
  {
    name: 'console',
    type: 'boolean',
    deployment: true,
    fallback: 'true',
    en: 'serve /console, the page of the merchant’s people, where an operator key is set',
    zh: '已设置运营密钥时提供运营页面 /console',
  },
  {
    name: 'requirePreparedOrders',
    type: 'boolean',
    fallback: 'false',
    en: 'true: payers can only pay numbers an operator prepared',
    zh: 'true：用户只能支付运营人员预先创建的订单',
  },
  {
    name: 'orderExpireMinutes',
    type: 'integer',
    fallback: '10',
    range: [1, 10_080],
    en: 'minutes until an unpaid order is closed',
    zh: '未支付订单的关闭时间（分钟）',
  },
  {
    name: 'ordersPerMinute',
    type: 'integer',
    fallback: '30',
    range: [1, 1_000_000],
    en: 'what a payer may make us ask WeChat in a minute: orders, repeats that ask again, parts of combinations',
    zh: '每个用户每分钟可触发的下单请求数：新订单、绑定预下单、重新请求、合单的每个子单',
  },
  {
    name: 'openOrdersMax',
    type: 'integer',
    fallback: '20',
    range: [1, 1000],
    en: 'unpaid orders a payer may have open at once; each part of a combination counts',
    zh: '每个用户同时未支付的订单数上限；合单的每个子单各计一次',
  },
  {
    name: 'webhookUrl',
    type: 'url',
    en: 'effects go here by HTTP; https, or http on loopback and private addresses',
    zh: '业务事件推送地址：https，内网地址可用 http',
  },
  {
    name: 'webhookSecret',
    type: 'list',
    secret: true,
    en: 'signs what goes to webhookUrl: whsec_…, one, or two while changing over',
    zh: '推送签名密钥 whsec_…；轮换期间可填两个',
  },
  {
    name: 'amqpUrl',
    type: 'url',
    secret: true,
    en: 'effects go to this AMQP broker, exchange pay-common',
    zh: '业务事件投递到此 AMQP 服务，交换机 pay-common',
  },
  {
    name: 'hooksModule',
    type: 'text',
    en: 'effects call this module, a path from the working folder',
    zh: '业务事件调用此模块，路径相对工作目录',
  },
  {
    name: 'sweepSeconds',
    type: 'integer',
    deployment: true,
    range: [0, 3600],
    en: 'seconds between sweeps in the process, 0 = off; default 15, inside SCF 0',
    zh: '进程内巡检间隔（秒），0 为关闭；默认 15，云函数内 0',
  },
  {
    name: 'wxPayBaseUrl',
    type: 'url',
    deployment: true,
    fallback: 'https://api.mch.weixin.qq.com',
    en: 'host of WeChat Pay',
    zh: '微信支付主域名',
  },
  {
    name: 'wxPayBackupUrl',
    type: 'url',
    deployment: true,
    fallback: 'https://api2.mch.weixin.qq.com',
    en: 'stand-by host of WeChat Pay; none when wxPayBaseUrl is given alone',
    zh: '微信支付备用域名；单独设置 wxPayBaseUrl 时没有备用',
  },
  {
    name: 'logLevel',
    type: 'choice',
    deployment: true,
    choices: ['debug', 'info', 'warn', 'error'],
    fallback: 'info',
    en: 'least level that is logged',
    zh: '日志级别',
  },
  {
    name: 'basePath',
    type: 'text',
    deployment: true,
    en: 'prefix the platform leaves in front of all paths, as /pay',
    zh: '平台保留在路径前的前缀，如 /pay',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['name'];

/** Facts about the platform that are read as well; nobody sets them by hand. */
export const PLATFORM_VARIABLES = [
  'TENCENTCLOUD_RUNENV',
  'SCF_RUNTIME',
  'SCF_NAMESPACE',
  'TCB_ENV',
] as const;

const BY_NAME: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((s) => [s.name, s]));

/** undefined for a name that is no setting. */
export const findSetting = (name: string): Setting | undefined => BY_NAME.get(name);

export function settingOf(name: SettingName): Setting {
  const setting = BY_NAME.get(name);
  if (setting === undefined) throw new RangeError(`no such setting: ${name}`);
  return setting;
}
