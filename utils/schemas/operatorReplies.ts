/** `data.data` of what operators ask for. */
import {
  about,
  closed,
  count,
  flag,
  list,
  moment,
  only,
  open,
  orNull,
  word,
  type ReplyOf,
} from './replyParts';
import { both } from './words';

export const bill = {
  mediaType: 'text/csv',
  description: both(
    'The bill as WeChat Pay made it, streamed. X-Bill-Hash: SHA1 of its bytes',
    '微信支付的原始账单，流式返回；X-Bill-Hash 为其字节的 SHA1',
  ),
} as const;

export const swept = closed(['done', 'left'], {
  done: count('Due records that were dealt with', '本次处理的到期记录数'),
  left: count('Due records that this call did not get to', '本次未处理的到期记录数'),
});

const facts = (en: string, zh: string) => orNull(about(en, zh, open([], {})));

const difference = closed(['class', 'out_trade_no', 'here', 'wechat', 'resolved'], {
  class: word(
    'missing_here, missing_at_wechat, amount, state, fee, duplicate; of refunds with refund_ before it',
    '差异类别：missing_here、missing_at_wechat、amount、state、fee、duplicate；退款类别以 refund_ 开头',
  ),
  out_trade_no: word('Your number of the order', '商户订单号'),
  out_refund_no: word('Your number of the refund', '商户退款单号'),
  here: facts('Our record; amounts in fen', '本地记录，金额单位：分'),
  wechat: facts("The bill's row; amounts in fen", '账单中的行，金额单位：分'),
  resolved: flag(
    'A proven answer explained it, and our record has learned it',
    '经证实的应答解释了差异，并已写入记录',
  ),
});

export const reconciliation = open(['bill_date', 'compared', 'differences'], {
  bill_date: word('Beijing day, YYYY-MM-DD', '账单日期（北京时间），YYYY-MM-DD'),
  compared: count(
    'Rows of ours in the bill, each compared with its record',
    '账单中属于本商户、已逐条比对的行数',
  ),
  differences: list(
    difference,
    'At most the first few hundred; `omitted` counts the others',
    '差异，最多列出前几百条；其余计入 omitted',
  ),
  omitted: count(
    'Differences beyond those listed; WeChat Pay was not asked about them',
    '未列出的差异数；未向微信支付查询',
  ),
  unresolved: count('Differences that a person must look at', '需人工处理的差异数'),
  by_class: about('How many of each class', '各类别的差异数', open([], {})),
  statement: word(
    'found; none: WeChat Pay says there was no business that day',
    'found：有账单；none：微信支付表示当日无交易',
  ),
  fund_bill: word(
    'compared, missing, unrelated or unreadable',
    '资金账单：compared（已比对）、missing（缺失）、unrelated（无关）或 unreadable（不可读）',
  ),
  fund_fault: word('Why the fund-flow bill was left out', '资金账单未比对的原因'),
  foreign: count(
    'Rows of other appids or merchants: counted, not imported',
    '其他 appid 或商户的行数，只计数、不导入',
  ),
  payments: count('Payments in the bill', '账单中的支付笔数'),
  refunds: count('Refunds in the bill', '账单中的退款笔数'),
  held: count('Payments of that day that we hold', '本地记录的当日支付笔数'),
  alarm: orNull(
    word(
      'One sentence where a person must look at the day as a whole',
      '当日整体需人工检查时的说明',
    ),
  ),
  made_at: moment('When the report was made', '对账时间'),
});

const change = open(['at', 'what'], {
  at: moment('When', '时间'),
  what: word('Code of what happened', '发生了什么，代码'),
  what_en: word('The same in English', '同上，英文'),
  what_zh: word('The same in Chinese', '同上，中文'),
  source: word('Who said so', '来源'),
  proof: word('How it was proven', '证实方式'),
});

const effect = open(['id', 'type'], {
  id: word(
    'Stable: also webhook-id and the AMQP message id',
    '事件 ID，保持不变，也是 webhook-id 与 AMQP message id',
  ),
  type: word('As order.paid: see docs/effects.md', '事件类型，如 order.paid，见 docs/effects.md'),
  status: word(
    'pending, delivered, dead or skipped',
    '投递状态：pending、delivered、dead 或 skipped',
  ),
});

const kind = word(
  'order, combination, transfer or report',
  '记录种类：order、combination、transfer 或 report',
);
const no = word('Number of the record', '记录编号');

/** Facts differ by kind: amounts in fen (分), moments RFC 3339. */
export const record = open(['kind', 'no', 'state', 'version'], {
  kind,
  no,
  state: word('As PAID: see docs/operations.md', '状态，如 PAID，见 docs/operations.md'),
  version: count('Grows with every change', '版本号，每次变更加一'),
  created_at: moment('When it was recorded', '记录时间'),
  refunds: list(open([], {}), 'Refunds of an order; amounts in fen', '订单的退款，金额单位：分'),
  history: list(change, 'What changed it, oldest first; bounded', '变更历史，从旧到新，条数有上限'),
  effects: list(effect, 'What is delivered to the merchant', '向商户投递的事件'),
  due_at: orNull(moment('When the sweep looks at it', '下次巡检时间')),
});

const damaged = open(['kind', 'no', 'state'], {
  kind,
  no,
  state: only(
    'damaged',
    'Not believed: see docs/operations.md',
    '不可信的记录，见 docs/operations.md',
  ),
});

export const recordList = closed(['records', 'next'], {
  records: list({ anyOf: [record, damaged] }, 'Newest first', '记录，从新到旧'),
  next: orNull(
    word(
      'Send it as `after` for the next page; null: this is the last',
      '下一页请以 after 传入；null 表示最后一页',
    ),
  ),
});

export type Swept = ReplyOf<typeof swept>;
export type Reconciliation = ReplyOf<typeof reconciliation>;
export type RecordReply = ReplyOf<typeof record>;
export type RecordListReply = ReplyOf<typeof recordList>;
