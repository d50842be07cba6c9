/** The database, what its records show, and the receiver of effects. */
import type { Rows } from './row';

export const RECORDS = {
  'database.reached': {
    severity: 'ok',
    says: ['数据库可用（{store}）', 'the database answers ({store})'],
  },
  'database.new': {
    severity: 'ok',
    says: ['首次启动时创建数据库', 'the first start creates the database'],
  },
  'database.memory': {
    severity: 'warn',
    says: [
      'databaseUrl=memory:，进程结束后记录全部丢失',
      'databaseUrl=memory: all records are lost when the process ends',
    ],
    fix: [
      '使用 file: mysql:// postgres:// mongodb:// 或 cloudbase:',
      'use file:, mysql://, postgres://, mongodb:// or cloudbase:',
    ],
  },
  'database.unwritable': {
    severity: 'fault',
    says: [
      '无法打开或创建数据库文件：{path}',
      'the database file cannot be opened or created: {path}',
    ],
    fix: [
      '应是可读写目录中的普通文件：检查权限，或更换 databaseUrl',
      'it must be a plain file in a writable folder: check permissions, or change databaseUrl',
    ],
  },
  'database.readable_by_others': {
    severity: 'warn',
    says: [
      '本机其他用户可以打开数据库文件：{files}',
      'other users of this machine can open the database: {files}',
    ],
    fix: ['chmod 600 {files}', 'chmod 600 {files}'],
  },
  'database.unreachable': {
    severity: 'fault',
    says: ['数据库不可用：{detail}', 'the database is not available: {detail}'],
    fix: [
      '核对地址、账号、网络；云函数加入 VPC 后须保留公网出口',
      'check address, account and network; a function in a VPC still needs access to the internet',
    ],
  },
  'database.schema_newer': {
    severity: 'fault',
    says: [
      '数据库由更新的版本写入，本版本（{version}）拒绝使用',
      'a newer version wrote the database; this version ({version}) does not use it',
    ],
    fix: ['升级 pay-common', 'upgrade pay-common'],
  },
  'database.schema_old': {
    severity: 'warn',
    says: ['数据库表结构尚未升级', 'the tables of the database are not up to date'],
    fix: [
      '运行 node bin/pay-common migrate；有建表权限的服务启动时会自动升级',
      'run node bin/pay-common migrate; a service that may create tables does it at its start',
    ],
  },
  'database.client_access': {
    severity: 'warn',
    says: [
      '请确认三个集合的权限都是“仅管理端可读写”（ADMINONLY），此项无法自动检查',
      'make sure that clients cannot read or write the three collections: this cannot be checked from here',
    ],
    fix: [
      '云开发控制台 → 文档型数据库 → pay_record、pay_reservation、pay_migration → 权限设置：' +
        '“所有用户不可读写”，或安全规则 {"read": false, "write": false}',
      'CloudBase console → document database → pay_record, pay_reservation, pay_migration → ' +
        'permissions: ADMINONLY, or the rule {"read": false, "write": false}',
    ],
  },
  'records.unknown_merchant': {
    severity: 'warn',
    says: [
      '商户 {mchid} 有到期的记录，但没有它的配置：无人处理',
      'records of merchant {mchid} are due, and it is not set up: nobody looks after them',
    ],
    fix: [
      '把该商户加回 merchantsFile（或环境变量），直到其记录全部完结',
      'put it back into merchantsFile (or the environment) until its records have settled',
    ],
  },
  'records.damaged': {
    severity: 'fault',
    says: [
      '{count} 条记录不可信，不会被处理',
      '{count} records are damaged or not sealed; the service does not act on them',
    ],
    fix: [
      'node bin/pay-common records damaged 列出；首次设置 recordKey 后须运行 migrate --seal',
      'node bin/pay-common records damaged lists them; after setting recordKey for the first time run migrate --seal',
    ],
  },

  'sweep.behind': {
    severity: 'warn',
    says: [
      '有记录到期 {minutes} 分钟仍未处理：巡检没有运行',
      'a record has been due for {minutes} minutes: the sweep does not run',
    ],
    fix: [
      '部署 examples/sweep-timer 或运行 node bin/pay-common sweep --until-done',
      'deploy examples/sweep-timer, or run node bin/pay-common sweep --until-done',
    ],
  },
  'callbacks.never': {
    severity: 'warn',
    says: [
      '最近 {count} 笔支付都是查询得知的，没有一次来自回调',
      'the last {count} payments were all found by a query, none by a callback',
    ],
    fix: [
      '按 Q5 检查回调地址、APIv3 密钥、集成状态；商户平台 → 交易中心 → 通知查询',
      'check notify URL, APIv3 key and integration (Q5); merchant platform: Notification Query',
    ],
    faq: 'Q5',
  },
  'payments.never': {
    severity: 'warn',
    says: [
      '最近 {count} 笔订单都未支付即关闭：可能调不起支付',
      'the last {count} orders were all closed unpaid: perhaps the payment does not open',
    ],
    fix: [
      '见 Q6（绑定与权限）、Q7（须用真机）、Q8（风控限额）',
      'see Q6 (binding, permission), Q7 (a real device), Q8 (limits of risk control)',
    ],
    faq: 'Q6',
  },
  // Risk control takes many orders of one fen for tests, and answers with a limit.
  'payments.tiny': {
    severity: 'warn',
    says: [
      '最近 {count} 笔订单都不足 0.1 元且未支付：微信风控会限制小额测试',
      'the last {count} orders were below 0.1 yuan and closed unpaid: risk control limits such tests',
    ],
    fix: [
      '换 0.1–1 元金额、换账号或次日再试；仍调不起见 Q6、Q7',
      'pay 0.1–1 yuan, with another account or on another day; if the payment still does not open see Q6 and Q7',
    ],
    faq: 'Q8',
  },
  'orders.appid_refused': {
    severity: 'warn',
    says: [
      '微信支付曾以 appid 与 openid 或商户号不匹配拒绝订单',
      'WeChat Pay refused orders: the appid does not fit the openid or the merchant id',
    ],
    fix: [
      'appId 须为用户所用小程序的 AppID，且已在商户平台绑定',
      'appId must be that of the Mini Program in use, and bound on the merchant platform',
    ],
    faq: 'Q4',
  },
  'orders.shop_refused': {
    severity: 'warn',
    says: [
      '微信支付曾因服务商与子商户不匹配拒绝订单：{message}',
      'WeChat Pay refused orders: shop, app and service provider do not fit: {message}',
    ],
    fix: [
      '核对 subMerchants 中的 sub_mchid:sub_appid，并在服务商平台确认授权；doctor --live 逐一检查',
      'check sub_mchid:sub_appid of subMerchants and the authorisation; doctor --live asks about each shop',
    ],
  },
  'effects.dead': {
    severity: 'warn',
    says: [
      '{count} 个业务事件投递失败，已停止重试',
      '{count} effects failed all retries and are no longer delivered',
    ],
    fix: [
      '修复接收方后运行 node bin/pay-common records redeliver order NO',
      'fix the receiver, then run node bin/pay-common records redeliver order NO',
    ],
  },

  'effects.none': {
    severity: 'ok',
    says: [
      '未设置业务事件接收方：事件只记录不投递',
      'no receiver of effects is set: they are recorded, not delivered',
    ],
  },
  'effects.hooks': { severity: 'ok', says: ['找到 hooksModule', 'hooksModule is found'] },
  'effects.hooks_missing': {
    severity: 'fault',
    says: ['找不到 hooksModule', 'hooksModule is not found'],
    fix: ['路径相对于服务的工作目录', 'the path is relative to the working folder of the service'],
  },
  'effects.reached': {
    severity: 'ok',
    says: ['业务事件接收方可达', 'the receiver of effects is reachable'],
  },
  'effects.unreachable': {
    severity: 'warn',
    says: [
      '业务事件接收方不可达（{host} {reason}）：事件会重试',
      'the receiver of effects does not answer ({host} {reason}): effects are repeated',
    ],
    fix: [
      '确认接收方已启动，且从服务所在网络可达',
      'check that it runs and that the service can reach it',
    ],
  },
} as const satisfies Rows;
