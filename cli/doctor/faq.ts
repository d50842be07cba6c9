/** The ten questions everybody asks, answered; the number is what findings refer to. */
import type { Words } from './words/row';

export interface Answered {
  readonly id: `Q${number}`;
  readonly question: Words;
  readonly answer: Words;
  /** What the doctor can see of it by itself; none: it happens in front of the service. */
  readonly seen: readonly string[];
}

export const FAQ: readonly Answered[] = [
  {
    id: 'Q1',
    question: ['callHTTPFunction 不是函数', 'callHTTPFunction is not a function'],
    answer: [
      '小程序基础库低于 3.15.2：在 project.config.json 把 libVersion 设为 3.15.2 以上（微搭同样）。',
      'The base library is older than 3.15.2: raise libVersion in project.config.json (WeDa, too).',
    ],
    seen: ['project.library_*'],
  },
  {
    id: 'Q2',
    question: ['下单返回 MISSING_CREDENTIALS', 'Ordering answers MISSING_CREDENTIALS'],
    answer: [
      '缺少必填设置，doctor 会列出缺哪一个：在集成中心逐项核对 7 个凭证（平台证书模式不填公钥及其 ID），云函数内另须 databaseUrl；保存后等 1–2 分钟。',
      'Settings are missing, doctor lists which: check all seven credentials at Integration Center (no public key and id on platform certificates), inside SCF also databaseUrl; save, wait 1–2 minutes.',
    ],
    seen: ['*.missing', '*.pair_absent', '*.misspelt'],
  },
  {
    id: 'Q3',
    question: ['下单返回 DECODER routines unsupported', 'Ordering answers DECODER routines …'],
    answer: [
      '私钥粘贴不完整。换行、空格、缺首尾行会自动修复；内容缺失、填成证书或公钥则须重新粘贴 apiclient_key.pem。',
      'The private key was not pasted completely. Line ends, blanks and missing BEGIN/END lines are repaired automatically; a cut key, a certificate or a public key must be replaced by apiclient_key.pem.',
    ],
    seen: ['privateKey.*'],
  },
  {
    id: 'Q4',
    question: ['提示 openid 无效', 'Answers "openid is invalid"'],
    answer: [
      'appId 必须是用户所用小程序的（不是公众号的），并与商户号绑定；openid 由平台注入，不要自己传。',
      'appId must be the Mini Program’s (not the Official Account’s) and bound to the merchant id; leave the openid to the platform.',
    ],
    seen: ['appId.*', 'orders.appid_refused', 'project.appid_differs'],
  },
  {
    id: 'Q5',
    question: ['收不到回调', 'No callback arrives'],
    answer: [
      '核对回调地址与 signMode、APIv3 密钥已设置且一致、集成状态为“运行中”，再查商户平台 → 交易中心 → 通知查询。本服务会主动查询，不会丢单。',
      'Check notify URL and signMode, that the APIv3 key is set and the same, that the integration is active; then Notification Query on the merchant platform. Payments are found by asking meanwhile.',
    ],
    seen: ['notifyURL*', 'apiV3Key.*', 'callback.*', 'callbacks.never'],
  },
  {
    id: 'Q6',
    question: ['wx.requestPayment 调不起且无提示', 'wx.requestPayment does not open'],
    answer: [
      '小程序 AppID 未绑定商户号、未开通微信支付，或是个人小程序（不支持支付）。',
      'The AppID is not bound to the merchant id, has no WeChat Pay, or is a personal Mini Program.',
    ],
    seen: ['wechat.appid_unbound', 'wechat.no_auth', 'payments.never', 'project.guest'],
  },
  {
    id: 'Q7',
    question: ['模拟器能点按钮但调不起支付', 'The developer tools cannot open the payment'],
    answer: [
      '支付必须在真机上测试：微信开发者工具右上角“真机调试”，用手机扫码。',
      'Payments need a real device: "Real-device Debug" in the developer tools, scan with a phone.',
    ],
    seen: ['payments.never'],
  },
  {
    id: 'Q8',
    question: ['真机支付提示限额', 'A real payment answers with a limit'],
    answer: [
      '链路已通，是微信风控：换 0.1–1 元金额、换账号、次日再试；新商户有隐形日限额；核对类目与小程序状态。',
      'The pipeline works; this is risk control: pay 0.1–1 yuan, another account, another day; new merchants have daily caps; check category and review state.',
    ],
    seen: ['payments.tiny', 'payments.never'],
  },
  {
    id: 'Q9',
    question: ['匿名登录能支付吗', 'Can an anonymous login pay?'],
    answer: [
      '不能：JSAPI 下单需要 openid，须登录微信；匿名访问或未设 openid 的模拟器无法下单（401）。',
      'No: an order needs an openid, so a WeChat login; anonymous access and the tools without one get 401.',
    ],
    seen: ['payers.none', 'bearer.undecided'],
  },
  {
    id: 'Q10',
    question: ['NOT_ENOUGH / 平台证书已过期', 'NOT_ENOUGH / platform certificate expired'],
    answer: [
      '商户已切换到公钥模式：填写 wxPayPublicKey（PEM）与 wxPayPublicKeyId，不再下载平台证书。',
      'The merchant has switched to public keys: set wxPayPublicKey (PEM) and wxPayPublicKeyId.',
    ],
    seen: ['certificates.*', 'wechat.key_id', 'wechat.public_key', 'wxPayPublicKey*'],
  },
];
