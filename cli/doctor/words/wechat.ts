/** What WeChat Pay's answers and silences mean for the person who sets up the service. */
import type { Rows } from './row';

const NTP = ['开启时间同步（NTP）', 'turn on time synchronisation (NTP)'] as const;
const EGRESS = [
  '检查公网出口、防火墙与代理（本服务不使用 HTTP_PROXY）；云函数加入 VPC 后默认没有公网出口',
  'check internet access, firewalls and proxies (HTTP_PROXY is not used); a function in a VPC has no internet access by default',
] as const;
const PUBLIC_KEY_MODE = [
  '商户平台 → API 安全 → 微信支付公钥：填写 wxPayPublicKey 与 wxPayPublicKeyId（公钥模式）',
  'merchant platform → API Security → WeChat Pay Public Key: set wxPayPublicKey and wxPayPublicKeyId',
] as const;

export const WECHAT = {
  'live.skipped': {
    severity: 'ok',
    says: ['设置有误，未联系微信支付', 'the settings have faults, so WeChat Pay was not asked'],
  },
  'clock.right': {
    severity: 'ok',
    says: [
      '本机时间与微信支付相差 {seconds} 秒',
      "this clock differs from WeChat Pay's by {seconds} s",
    ],
  },
  'clock.drift': {
    severity: 'warn',
    says: [
      '本机时间与微信支付相差 {seconds} 秒',
      "this clock differs from WeChat Pay's by {seconds} s",
    ],
    fix: NTP,
  },
  'clock.off': {
    severity: 'fault',
    says: [
      '本机时间与微信支付相差 {seconds} 秒，签名会被拒绝',
      "this clock differs from WeChat Pay's by {seconds} s: signatures are refused",
    ],
    fix: NTP,
  },

  'network.dns': {
    severity: 'fault',
    says: ['无法解析 {host}（{code}）', '{host} cannot be resolved ({code})'],
    fix: EGRESS,
  },
  'network.tls': {
    severity: 'fault',
    says: ['与 {host} 的 TLS 连接不可信（{code}）', 'the TLS connection to {host} fails ({code})'],
    fix: [
      '有代理在拆解 HTTPS，或系统根证书过旧',
      'a proxy opens HTTPS, or the root certificates of the system are old',
    ],
  },
  'network.unreachable': {
    severity: 'fault',
    says: ['连不上 {host}（{code}）', '{host} cannot be reached ({code})'],
    fix: EGRESS,
  },

  'wechat.accepted': {
    severity: 'ok',
    says: [
      '微信支付接受了我们的签名：商户号、序列号与私钥相符',
      'WeChat Pay accepted our signature: merchant id, serial and private key belong together',
    ],
  },
  'wechat.unavailable': {
    severity: 'warn',
    says: ['微信支付暂不可用（{code}）', 'WeChat Pay is unavailable ({code})'],
    fix: ['稍后再试', 'try again later'],
  },
  'wechat.refused': {
    severity: 'fault',
    says: ['微信支付拒绝了请求：{code} {message}', 'WeChat Pay refuses the call: {code} {message}'],
    fix: ['按错误码核对商户平台设置', 'look up the code on the merchant platform'],
  },
  'partner.no_relation': {
    severity: 'fault',
    says: [
      '子商户 {sub_mchid} 未授权本服务商：{message}',
      'shop {sub_mchid} has not authorised this service provider: {message}',
    ],
    fix: [
      '服务商平台 → 特约商户 → 邀请授权该产品；子商户同意约 10 分钟后生效',
      'partner platform: invite the shop to authorise the product; it takes effect some 10 minutes after it agreed',
    ],
  },
  'partner.is_provider': {
    severity: 'fault',
    says: [
      'merchantId 是服务商号，不能直接收款：{message}',
      "merchantId is a service provider's number, which takes no money itself: {message}",
    ],
    fix: [
      '设置 subMerchants（docs/partner.md），或改用普通商户号',
      'set subMerchants (docs/partner.md), or use the number of a merchant of its own',
    ],
  },
  'partner.own_number': {
    severity: 'fault',
    says: [
      '子商户号 {sub_mchid} 与服务商号相同',
      'the sub_mchid {sub_mchid} is the number of the provider itself',
    ],
    fix: ['在 subMerchants 中填写子商户号', 'write the numbers of the shops into subMerchants'],
  },
  'partner.restricted': {
    severity: 'fault',
    says: ['子商户 {sub_mchid} 的收款功能被限制', 'shop {sub_mchid} may not take money at present'],
    fix: [
      '由该商户的超级管理员在商户平台申诉',
      'its administrator has to appeal on the merchant platform',
    ],
  },
  'wechat.serial': {
    severity: 'fault',
    says: [
      'merchantSerialNumber 不是该商户号的证书序列号',
      'merchantSerialNumber is not the serial of a certificate of this merchant id',
    ],
    fix: [
      '核对 merchantId 与商户 API 证书序列号（不是平台证书的）；证书是否已作废',
      'check merchantId and the serial of the merchant API certificate (not of a platform certificate); is it revoked?',
    ],
  },
  'wechat.sign_mismatch': {
    severity: 'fault',
    says: [
      '微信支付拒绝签名：privateKey 与 merchantSerialNumber 不是一对',
      'WeChat Pay refuses the signature: privateKey does not belong to merchantSerialNumber',
    ],
    fix: [
      '使用同一次申请的 apiclient_key.pem 与序列号；可用 --cert apiclient_cert.pem 离线核对',
      'use key and serial of the same application; --cert apiclient_cert.pem checks them offline',
    ],
  },
  'wechat.mch_unknown': {
    severity: 'fault',
    says: ['商户号不存在', 'the merchant id does not exist'],
    fix: ['核对 merchantId（10 位数字）', 'check merchantId (10 digits)'],
  },
  'wechat.appid_unbound': {
    severity: 'fault',
    says: ['appId 未与商户号绑定', 'appId is not bound to the merchant id'],
    fix: [
      '商户平台 → 产品中心 → AppID 账号管理：关联小程序',
      'merchant platform → Product Center → AppID management: bind the Mini Program',
    ],
    faq: 'Q6',
  },
  'wechat.no_auth': {
    severity: 'fault',
    says: ['商户没有此接口的权限', 'the merchant may not use this call'],
    fix: ['在商户平台开通 JSAPI 支付', 'apply for JSAPI payment on the merchant platform'],
    faq: 'Q6',
  },
  'wechat.proven': {
    severity: 'ok',
    says: ['微信支付的应答验签通过', "WeChat Pay's answer is verified with the key that is set"],
  },
  'wechat.unproven_yet': {
    severity: 'ok',
    says: [
      '没有取得带签名的应答，微信支付公钥尚未验证（错误应答多不签名）',
      'no signed answer was received, so the verification key is not tested yet (errors are rarely signed)',
    ],
  },
  'wechat.unsigned': {
    severity: 'fault',
    says: ['应答没有签名头', 'the answer has no signature'],
    fix: [
      '途中的代理去掉了 Wechatpay-* 头，或对端不是微信支付',
      'a proxy removes the Wechatpay-* headers, or the other side is not WeChat Pay',
    ],
  },
  'wechat.scheme': {
    severity: 'fault',
    says: ['应答使用了未知的签名算法', 'the answer is signed with an unknown algorithm'],
    fix: ['确认商户未启用国密', 'check that the merchant has not enabled SM2'],
  },
  'wechat.stale': {
    severity: 'fault',
    says: [
      '应答的时间戳超出 5 分钟',
      'the time stamp of the answer is more than 5 minutes away from now',
    ],
    fix: [
      '途中有缓存，或本机时间不准',
      'a cache is between us and WeChat Pay, or this clock is wrong',
    ],
  },
  'wechat.key_id': {
    severity: 'fault',
    says: [
      '应答由另一把密钥签名：wxPayPublicKeyId 不对，或商户尚未切换到公钥',
      'another key signed the answer: wxPayPublicKeyId is wrong, or the merchant still uses platform certificates',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  'wechat.public_key': {
    severity: 'fault',
    says: [
      '应答验签失败：wxPayPublicKey 不是该公钥 ID 的公钥',
      'the answer cannot be verified: wxPayPublicKey is not the key of that id',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },

  'certificates.void': {
    severity: 'fault',
    says: [
      '平台证书已失效（{said}）：商户已切换到公钥模式',
      'the platform certificates are no longer valid ({said}): the merchant has switched to the public key',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  'certificates.none': {
    severity: 'fault',
    says: [
      '该商户没有平台证书（{said}），只有微信支付公钥',
      'this merchant has no platform certificates ({said}), only a public key',
    ],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  'certificates.failed': {
    severity: 'fault',
    says: ['平台证书下载失败：{said}', 'the platform certificates cannot be downloaded: {said}'],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  'certificates.no_key': {
    severity: 'fault',
    says: ['没有可用的验签密钥', 'there is no key to verify the answer with'],
    fix: PUBLIC_KEY_MODE,
    faq: 'Q10',
  },
  'apiV3Key.wrong': {
    severity: 'fault',
    says: [
      'apiV3Key 解不开微信支付的密文：与商户平台所设不一致',
      'apiV3Key cannot decrypt what WeChat Pay sent: the merchant platform has another key',
    ],
    fix: [
      '在商户平台 → API 安全 重新设置，并填写同一个值',
      'set it again at merchant platform → API Security, and set the same value here',
    ],
    faq: 'Q5',
  },

  'echo.not_offered': {
    severity: 'ok',
    says: [
      '自检接口未向该商户开放（{status} {code}），不是故障',
      'the self-test is not offered to this merchant ({status} {code}); this is not a fault',
    ],
  },
  'echo.encryption': {
    severity: 'ok',
    says: ['敏感信息加解密往返成功', 'sensitive data was encrypted, returned and decrypted'],
  },
  'echo.encryption_failed': {
    severity: 'warn',
    says: [
      '敏感信息加解密往返未成功（{status} {code}）',
      'encrypted data did not come back readable ({status} {code})',
    ],
  },
  'echo.callback_not_asked': {
    severity: 'ok',
    says: [
      '未测试回调：将一个公网 https 地址转发到本机端口，再加 --echo-url 与 --echo-port',
      'callbacks were not tested: forward a public https URL to a port here, and give --echo-url and --echo-port',
    ],
  },
  'echo.url_refused': {
    severity: 'fault',
    says: ['微信支付不接受 --echo-url（{code}）', 'WeChat Pay does not accept --echo-url ({code})'],
    fix: ['公网 https 地址，不带参数与端口', 'give a public https URL without query and port'],
  },
  'echo.port_taken': {
    severity: 'fault',
    says: ['无法监听端口 {port}（{code}）', 'cannot listen on port {port} ({code})'],
    fix: ['更换 --echo-port', 'choose another --echo-port'],
  },
  'callback.proven': {
    severity: 'ok',
    says: ['收到回调，验签与解密都通过', 'a callback arrived, was verified and decrypted'],
  },
  'callback.missing': {
    severity: 'fault',
    says: ['没有收到回调', 'no callback arrived'],
    fix: [
      '检查 APIv3 密钥是否已设置、地址是否转发到本机、域名备案与证书',
      'check that the APIv3 key is set, and that the URL leads here with a valid certificate',
    ],
    faq: 'Q5',
  },
  'callback.unproven': {
    severity: 'fault',
    says: [
      '收到回调但未通过校验（{detail}）',
      'a callback arrived, but its origin cannot be proven ({detail})',
    ],
    fix: [
      '途中的代理不得改动请求头与正文',
      'proxies in between must not change headers or body of a callback',
    ],
    faq: 'Q5',
  },
} as const satisfies Rows;
