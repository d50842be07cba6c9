/** The program, its settings, the merchant's certificate and the Mini Program's own settings. */
import type { Rows } from './row';

const REBUILD = [
  '用 npm run build 重新生成 dist/，不要用会改动换行或权限的工具打包',
  'build dist/ again with npm run build; do not pack it with a tool that changes modes or line ends',
] as const;
const RAISE = [
  '在 project.config.json 将 libVersion 设为 {min} 以上',
  'set libVersion in project.config.json to {min} or later',
] as const;
const RENEW = ['在商户平台更换商户 API 证书', 'renew it on the merchant platform'] as const;

export const SETUP = {
  'node.old': {
    severity: 'fault',
    says: ['Node {version} 过旧', 'Node {version} is too old'],
    fix: ['至少需要 Node 18.15', 'Node 18.15 or later is needed'],
  },
  'package.whole': { severity: 'ok', says: ['部署包完整', 'the package is complete'] },
  'package.bootstrap_missing': {
    severity: 'fault',
    says: ['部署包中没有 scf_bootstrap', 'scf_bootstrap is not in the package'],
    fix: REBUILD,
  },
  'package.bootstrap_mode': {
    severity: 'fault',
    says: [
      'scf_bootstrap 没有执行权限（云函数报 405）',
      'scf_bootstrap is not executable (SCF answers 405)',
    ],
    fix: ['chmod 755 scf_bootstrap', 'chmod 755 scf_bootstrap'],
  },
  'package.bootstrap_crlf': {
    severity: 'fault',
    says: [
      'scf_bootstrap 是 CRLF 换行（云函数报 405）',
      'scf_bootstrap has CRLF line ends (SCF answers 405)',
    ],
    fix: REBUILD,
  },
  'package.bootstrap_shape': {
    severity: 'fault',
    says: [
      'scf_bootstrap 首行应为 #!/bin/bash，且以换行结尾',
      'scf_bootstrap must begin with #!/bin/bash and end with a line end',
    ],
    fix: REBUILD,
  },

  'settings.complete': { severity: 'ok', says: ['设置齐全', 'the settings are complete'] },
  'settings.size': {
    severity: 'warn',
    says: [
      '环境变量共 {bytes} 字节，云函数上限 4096',
      'the environment has {bytes} bytes; a cloud function accepts 4096',
    ],
    fix: ['删去默认值与未用的变量', 'leave out defaults and variables that are not used'],
  },
  'operators.set': { severity: 'ok', says: ['运营接口已启用', 'operator routes are enabled'] },
  'operators.none': {
    severity: 'warn',
    says: [
      '未设置 operatorKeys：退款、转账、对账、记录等接口一律 403',
      'operatorKeys is not set: refunds, transfers, bills and records answer 403',
    ],
    fix: [
      '设置 operatorKeys 为 32 个以上随机字符，如 openssl rand -hex 24',
      'set operatorKeys to 32 random characters or more, as from openssl rand -hex 24',
    ],
  },
  'prices.client': {
    severity: 'warn',
    says: [
      '价格由客户端给出：发货前必须核对事件中的金额',
      'clients choose the price: compare the amount in the effect before you deliver goods',
    ],
    fix: [
      '由后台先调用 wxpay_prepare_order 并设 requirePreparedOrders=true，或在接收方核对金额',
      'prepare orders (wxpay_prepare_order) and set requirePreparedOrders=true, or compare amounts',
    ],
  },
  'sweep.off': {
    severity: 'warn',
    says: ['sweepSeconds=0：进程内不巡检', 'sweepSeconds=0: this process does not sweep'],
    fix: [
      '去掉 sweepSeconds，或定时运行 node bin/pay-common sweep',
      'remove sweepSeconds, or run node bin/pay-common sweep on a timer',
    ],
  },
  'sweep.no_timer': {
    severity: 'warn',
    says: [
      '云函数内没有定时器：须由外部定时调用 wxpay_sweep，否则丢失的回调与过期订单无人处理',
      'SCF runs no timer: something must call wxpay_sweep, or lost callbacks are never recovered',
    ],
    fix: ['部署 examples/sweep-timer', 'deploy examples/sweep-timer'],
    faq: 'Q5',
  },
  'payers.none': {
    severity: 'warn',
    says: [
      '没有任何方式识别付款人：openid 永远到不了，用户下单一律 401',
      'no setting tells who the payer is: no openid ever arrives, every order of a user gets 401',
    ],
    fix: [
      '设置 cloudbaseEnv 校验访问令牌；或部署为云函数由 callHTTPFunction 注入 openid',
      'set cloudbaseEnv to verify tokens, or deploy as a cloud function (callHTTPFunction)',
    ],
    faq: 'Q9',
  },
  'bearer.undecided': {
    severity: 'warn',
    says: [
      '平台入口可能自带不属于本环境的 Bearer 令牌；默认拒绝（401）',
      'the platform may add a Bearer token of another environment; by default it is refused (401)',
    ],
    fix: [
      '若下单返回 401 且提到 foreignBearer，设为 ignore；确认无此情况则设为 refuse',
      'if an order gets a 401 that names foreignBearer, set it to ignore; otherwise to refuse',
    ],
    faq: 'Q9',
  },
  'certificates.used': {
    severity: 'ok',
    says: [
      '使用平台证书验签；新商户只有微信支付公钥（用 --live 核实，见 Q10）',
      'platform certificates are used; new merchants have only a public key (check with --live, Q10)',
    ],
  },
  swapped: {
    severity: 'fault',
    says: ['{setting} 指向 {other} 的路径', '{setting} has the path of {other}'],
    fix: ['两个地址填反了', 'the two URLs are swapped'],
    faq: 'Q5',
  },
  path: {
    severity: 'warn',
    says: [
      '{setting} 的路径 {path} 不是本服务的回调路径',
      '{setting}: {path} is not a callback path of this service',
    ],
    fix: ['应以 /wechatpay/… 结尾', 'it must end in /wechatpay/…'],
    faq: 'Q5',
  },
  'host.simulator': {
    severity: 'ok',
    says: [
      '微信支付地址在本机（模拟器）：{url}，不会有真实付款',
      'WeChat Pay is a simulator on this machine: {url}. No real payment is made',
    ],
  },
  'host.unofficial': {
    severity: 'fault',
    says: [
      'wxPayBaseUrl 不是微信支付的官方域名：{url}',
      'wxPayBaseUrl is not an official host of WeChat Pay: {url}',
    ],
    fix: [
      '删除 wxPayBaseUrl 与 wxPayBackupUrl，使用默认的官方域名',
      'remove wxPayBaseUrl and wxPayBackupUrl: the official hosts are the default',
    ],
  },

  complete: {
    severity: 'ok',
    says: ['商户 {merchant} 设置齐全', 'the settings of merchant {merchant} are complete'],
  },
  forward: {
    severity: 'warn',
    says: [
      'signMode=gateway：该商户的集成中心须转发到 {path}',
      "signMode=gateway: this merchant's Integration Center must forward to {path}",
    ],
    fix: [
      '在该商户的集成中心将回调函数的路径设为 {path}；或改用 signMode=sdk，由微信支付直接回调',
      'set {path} as the path of the function there, or use signMode=sdk, so that WeChat Pay calls this service',
    ],
  },

  'cert.fits': {
    severity: 'ok',
    says: ['证书、序列号与私钥相符', 'certificate, serial and key belong together'],
  },
  'cert.unreadable': {
    severity: 'fault',
    says: ['--cert 不是可读的证书', '--cert is not a readable certificate'],
    fix: ['请给出 apiclient_cert.pem', 'give apiclient_cert.pem'],
  },
  'cert.serial_differs': {
    severity: 'fault',
    says: [
      'merchantSerialNumber 与证书不符',
      'merchantSerialNumber is not the serial of the certificate',
    ],
    fix: ['证书的序列号是 {serial}', 'the serial of the certificate is {serial}'],
  },
  'cert.key_differs': {
    severity: 'fault',
    says: ['privateKey 不是这张证书的私钥', 'privateKey is not the key of this certificate'],
    fix: [
      '使用同一次申请得到的 apiclient_key.pem 与 apiclient_cert.pem',
      'use apiclient_key.pem and apiclient_cert.pem of the same application',
    ],
  },
  'cert.expired': {
    severity: 'fault',
    says: ['商户证书已过期', 'the merchant certificate has expired'],
    fix: RENEW,
  },
  'cert.expires': {
    severity: 'warn',
    says: ['商户证书 {days} 天后过期', 'the merchant certificate expires in {days} days'],
    fix: RENEW,
  },

  'project.fits': {
    severity: 'ok',
    says: ['基础库与 AppID 合适', 'base library and AppID fit'],
  },
  'project.unreadable': {
    severity: 'fault',
    says: [
      '--project 不是可读的 project.config.json',
      '--project is not a readable project.config.json',
    ],
    fix: ['请给出小程序的 project.config.json', 'give the project.config.json of the Mini Program'],
  },
  'project.library_unset': {
    severity: 'warn',
    says: [
      'project.config.json 没有指明基础库版本（须 ≥ {min}）',
      'project.config.json names no base library ({min} or later is needed)',
    ],
    fix: RAISE,
    faq: 'Q1',
  },
  'project.library_old': {
    severity: 'fault',
    says: [
      '基础库 {version} 过旧，没有 callHTTPFunction',
      'the base library {version} is too old: it has no callHTTPFunction',
    ],
    fix: RAISE,
    faq: 'Q1',
  },
  'project.guest': {
    severity: 'fault',
    says: ['小程序是游客模式，不能支付', 'the Mini Program is in guest mode: it cannot pay'],
    fix: ['使用已绑定商户号的 AppID', 'use the AppID that is bound to the merchant'],
    faq: 'Q6',
  },
  'project.appid_differs': {
    severity: 'fault',
    says: [
      'appId 与小程序的 AppID 不一致：openid 会被判为无效',
      'appId is not the AppID of the Mini Program: WeChat Pay refuses its openids as invalid',
    ],
    fix: [
      '集成中心的 appId 填小程序的 AppID，并绑定商户号',
      'set appId to that of the Mini Program, and bind it to the merchant id',
    ],
    faq: 'Q4',
  },
} as const satisfies Rows;
