/** Bodies of the status pages and of `POST /`, not in the envelope. */
import { about, closed, count, flag, list, moment, only, open, orNull, word } from './replyParts';
import { both } from './words';

const success = only(0, 'Success', '成功');

/** Of `POST /`: as its target, or as a callback. */
export const dispatched = {
  anyOf: [
    open(['code', 'msg', 'data'], { code: success }),
    open(['code', 'message'], { code: only('SUCCESS', 'Recorded', '已记录') }),
  ],
} as const;

const merchant = closed(['merchant', 'status'], {
  merchant: word(
    'Its key in /m/<key>; without one its place in the file',
    '/m/<key> 中的 key；没有则为文件中的位置',
  ),
  status: word('ok, or not configured', 'ok，或 not configured（未配置）'),
  error: word('CONFIG_INVALID or MISSING_CREDENTIALS', 'CONFIG_INVALID 或 MISSING_CREDENTIALS'),
  faults: list({}, 'What is wrong with its settings', '配置的问题'),
});

export const health = open(['code', 'msg', 'status', 'build', 'settings', 'durable', 'due'], {
  code: success,
  msg: word('success, always', '固定为 success'),
  status: word('ok, or not configured', 'ok，或 not configured（未配置）'),
  build: word('Which build this is', '构建标识'),
  sign_mode: orNull(word('sdk, gateway or v2', '签名方式：sdk、gateway 或 v2')),
  settings: about('Every setting: is there a value?', '各配置项是否有值', { type: 'object' }),
  store: orNull(word('Which database', '数据库')),
  durable: flag('Records survive the end of the process', '进程结束后记录是否保留'),
  last_sweep: orNull(moment('When a sweep last ended in this process', '本进程上次巡检的结束时间')),
  due: word(
    'ok; behind: work has waited for more than 5 minutes; unknown: the store does not answer',
    'ok；behind：有工作等待超过 5 分钟；unknown：存储无应答',
  ),
  oldest_due_age_ms: orNull(
    count(
      'How long the oldest due work waits, in ms; to operators',
      '最久的到期工作已等待的毫秒数，仅运营人员可见',
    ),
  ),
  store_error: orNull(word('Why the store could not be opened', '存储打不开的原因')),
  store_answers: flag('The store answers', '存储有应答'),
  error: word('CONFIG_INVALID or MISSING_CREDENTIALS', 'CONFIG_INVALID 或 MISSING_CREDENTIALS'),
  faults: list({}, 'What is wrong with the settings', '配置的问题'),
  merchants_configured: flag(
    'Every further merchant of merchantsFile is configured',
    'merchantsFile 中的其他商户是否全部配置完整',
  ),
  merchants: list(
    merchant,
    'Further merchants of merchantsFile; to operators',
    'merchantsFile 中的其他商户，仅运营人员可见',
  ),
  warnings: list(
    word('One sentence', '一句话'),
    'What is not wrong and deserves a look',
    '没有错、但值得留意的事项',
  ),
});

export const readiness = closed(
  ['code', 'msg', 'ready', 'credentials', 'store', 'keys', 'key_serials', 'error'],
  {
    code: { enum: [0, -1], description: both('0: ready', '0：就绪') },
    msg: word('success, or not ready', 'success，或 not ready（未就绪）'),
    ready: flag('All of the below', '以下各项全部就绪'),
    credentials: flag('The settings are whole', '配置完整'),
    store: flag('The store answers', '存储有应答'),
    keys: flag("A key is there to check WeChat Pay's signatures", '有可用于验证微信支付签名的密钥'),
    key_serials: list(word('Serial number', '序列号'), 'Of the keys held', '持有密钥的序列号'),
    error: orNull(word('Code of what is missing', '缺少什么，错误码')),
  },
);
