/**
 * Why something happened, as codes; and the one catalogue of sentences for them, in both languages. Nothing decides by
 * a sentence. Records of earlier versions hold sentences in their history: those are shown as they stand.
 */

/** Chinese, English. */
export type Sentence = readonly [zh: string, en: string];

/** `history[].what`. */
const HISTORY = {
  created: ['已创建', 'created'],
  prepared: ['商家已定价', 'prepared by the merchant'],
  prepared_again: ['商家重新定价', 'prepared again'],
  adopted: ['补录', 'adopted: made elsewhere'],
  asking: ['向微信支付下单中', 'WeChat is being asked'],
  prepay: ['得到预支付单', 'WeChat gave a prepay'],
  refused: ['微信支付拒绝，尚未证实', 'WeChat refused, no verdict'],
  rejected: ['微信支付拒绝，已证实', 'WeChat provably refused'],
  outcome_unknown: ['结果未知', 'outcome unknown'],
  paid: ['已支付', 'paid'],
  paid_after_close: ['关单后支付', 'paid after it was closed'],
  paid_while_reversing: ['撤销期间支付', 'paid while being reversed'],
  mismatch: ['付款与订单不符', 'the payment differs from the order'],
  contradicting_payment: ['同一单号的另一笔付款', 'a second, different payment'],
  contradiction_not_kept: [
    '又一笔矛盾的付款，已记不下',
    'one more contradicting payment, not kept',
  ],
  refunded_elsewhere: ['在别处退款', 'refunded elsewhere'],
  revoked_elsewhere: ['在别处撤销', 'reversed elsewhere'],
  closed: ['已关闭', 'closed'],
  reversing: ['撤销中', 'being reversed'],
  not_reversed: ['未能撤销，仍为已支付', 'never reversed, still paid'],
  hint_followed: ['按提示去查单', 'a hint was followed'],
  refund_requested: ['退款已登记', 'refund requested'],
  refund_sent: ['退款已发出', 'refund sent'],
  refund_refused: ['退款被拒，已证实，仍占用金额', 'refund provably refused, still reserved'],
  refund_refused_unproven: ['退款被拒，未经证实', 'refund refused, unproven'],
  refund_outcome_unknown: ['退款结果未知', 'refund outcome unknown'],
  refund_not_found: [
    '微信支付没有此退款，待再次核实',
    'WeChat has no such refund, to be asked again',
  ],
  refund_unresolved: ['退款没有结果，待人工处理', 'refund without an outcome'],
  refund_release_asked: ['申请释放退款', 'release of the refund asked for'],
  refund_released: ['退款已释放', 'refund released'],
  refund_rejected: ['退款失败，金额已释放', 'refund failed, its amount is free'],
  refund_processing: ['退款处理中', 'refund being processed'],
  refund_success: ['退款成功', 'refund succeeded'],
  refund_closed: ['退款关闭', 'refund closed'],
  refund_abnormal: ['退款异常', 'refund abnormal'],
  contradicting_refund: ['与付款矛盾的退款', 'a refund that contradicts the payment'],
  abnormal_refund_sent: ['异常退款已发出', 'abnormal refund sent on'],
  abnormal_refund_sent_again: ['异常退款再次发出', 'abnormal refund sent on again'],
  abnormal_refund_refused: ['异常退款被拒，尚无定论', 'abnormal refund refused, no verdict'],
  abnormal_refund_rejected: ['异常退款被拒', 'abnormal refund refused'],
  transfer_sent: ['转账已发出', 'transfer sent'],
  transfer_refused: ['转账被拒，尚无定论', 'transfer refused, no verdict'],
  transfer_outcome_unknown: ['转账结果未知', 'transfer outcome unknown'],
  transfer_unresolved: ['转账没有结果，待人工处理', 'transfer without an outcome'],
  transfer_accepted: ['转账已受理', 'transfer accepted'],
  transfer_processing: ['转账处理中', 'transfer being processed'],
  transfer_wait_user_confirm: ['待收款人确认', 'the receiver has to confirm'],
  transfer_transfering: ['转账中', 'transfer under way'],
  transfer_success: ['转账成功', 'transfer succeeded'],
  transfer_fail: ['转账失败', 'transfer failed'],
  transfer_canceling: ['转账撤销中', 'transfer being cancelled'],
  transfer_cancelled: ['转账已撤销', 'transfer cancelled'],
  another_transfer_bill_no: ['另一个微信转账单号', 'another transfer_bill_no'],
  contradicting_end: ['与已有结果矛盾', 'an end that contradicts the known one'],
  redeliver: ['重新投递', 'to be delivered again'],
  sealed: ['已封存', 'sealed'],
  unresolved: ['交由运营人员处理', 'left to an operator'],
  reconciled: ['已对账', 'reconciled'],
} as const satisfies Record<string, Sentence>;

/** `code` of a log line with `alarm: true`. What to do about each stands in docs/operations.md. */
export const ALARMS = {
  'order.mismatch': ['付款与订单不符', 'a payment differs from its order'],
  'order.paid_after_close': ['关单后支付', 'paid after it was closed'],
  'order.second_payment': ['同一单号有两笔付款', 'a second, different payment of one number'],
  'order.contradictions_full': [
    '同一单号的矛盾付款过多，已记不下',
    'too many different payments of one number to keep',
  ],
  'order.revoked': ['已支付的订单在别处被撤销', 'a paid order was reversed elsewhere'],
  'order.not_reversed': ['微信支付未能撤销，须退款', 'WeChat never reversed it: refund it'],
  'refund.unresolved': ['退款没有结果', 'a refund has no outcome'],
  'refund.contradiction': ['退款与付款矛盾', 'a genuine refund contradicts its payment'],
  'refund.amount_differs': ['退款金额与请求的不同', 'a refund amount differs from ours'],
  'refund.closed_succeeded': ['视为失败的退款成功了', 'a refund counted as failed went through'],
  'transfer.unresolved': ['转账没有结果', 'a transfer has no outcome'],
  'transfer.amount_differs': ['转账金额与请求的不同', 'a transfer amount differs from ours'],
  'transfer.another_bill_no': ['转账有另一个微信单号', 'a transfer has another transfer_bill_no'],
  'transfer.contradicting_end': ['转账结果前后矛盾', 'a transfer ended in two ways'],
  'combination.part_taken': ['子单属于另一合单', 'a part belongs to another combination'],
  'wechat.unknown_trade_state': ['不认识的交易状态', 'an unknown trade_state'],
  'wechat.unknown_transfer_state': ['不认识的转账状态', 'an unknown transfer state'],
  'wechat.unknown_combination': ['看不懂的合单应答', 'a combination that is not understood'],
  'record.escalated': ['交由运营人员处理', 'left to an operator'],
  'record.number_taken': ['一个单号会指向两条记录', 'one number would lead to two records'],
  'request.refused': ['已存的请求与记录不符', 'a stored request does not fit its record'],
  'effect.dead': ['投递放弃', 'an effect is no longer delivered'],
  'reconcile.no_statement': ['微信称当日无交易', 'WeChat has no statement, yet payments are held'],
  'reconcile.missing_at_wechat': ['此处已付，微信没有', 'paid here, unknown to WeChat'],
  'sweep.failed': ['巡检出错', 'the sweep met a bug'],
  'process.failed': ['未处理的错误', 'an error that nothing handled'],
} as const satisfies Record<string, Sentence>;

/** `detail` of a history line `unresolved`: why nothing more can be learned by asking. */
const ESCALATIONS = {
  closed_unconfirmed: [
    '关单得到 204，此后微信支付一直没有说明结果',
    'closed on a bare 204, and WeChat never said what became of it',
  ],
  open_after_a_month: [
    '过期一个月仍未支付也未关闭',
    'neither paid nor closed a month after its expiry',
  ],
  unknown_to_wechat: ['微信支付称没有此单，未经证实', 'never known to WeChat, unproven'],
  not_reversed_in_time: [
    '微信支付允许的七天内未能撤销',
    'not reversed within the seven days that WeChat allows',
  ],
  refund_not_over: ['退款仍未结束', 'the refund is not over'],
  transfer_not_over: ['转账仍未结束', 'the transfer is not over'],
  request_refused: [
    '已存的请求与记录不符，未发送',
    'a stored request does not fit, and was not sent',
  ],
} as const satisfies Record<string, Sentence>;

/** Why an event writes nothing: it is ignored, or refused to the caller. `detail` names the state, number or sum. */
const DECISIONS = {
  in_this_state: ['当前状态', 'in this state'],
  already_known: ['已知', 'known already'],
  already_paid: ['已支付', 'paid already'],
  already_closed: ['已关闭', 'closed already'],
  already_free: ['已释放', 'free already'],
  already_sent: ['已发出，只有微信支付能了结', 'it was sent: only WeChat can end it'],
  accepted_before: ['先前已受理', 'accepted before'],
  same_payment: ['同一笔付款', 'the same payment again'],
  no_part_paid: ['没有子单已支付', 'no part is paid'],
  no_such_part: ['没有此子单', 'no such part'],
  no_such_refund: ['没有此退款', 'no such refund'],
  no_payment_known: ['尚不知有付款', 'no payment is known yet'],
  no_room: ['记录已满', 'the record has no room for it'],
  owner_unknown: ['须先确认单号属于哪个订单', 'whose number it is must be known first'],
  other_payer: ['已绑定其他付款人', 'bound to another payer'],
  other_version: ['接口版本与订单的不同', 'told in the version of another order'],
  other_account: [
    '另一账户，先前的可能仍被受理',
    'another account, and the first may still be taken',
  ],
  same_number_other_facts: ['单号相同，参数不同', 'same number, other facts'],
  another_total_paid: ['amount.total 与已支付金额不同', 'amount.total: another sum was paid'],
  above_refundable: ['超过可退金额（分）', 'above what is refundable, in fen'],
  first_facts_may_stand: ['微信支付可能已按首次参数受理', 'WeChat may hold the first facts'],
  copy_may_arrive: ['先前的请求可能仍会到达', 'an earlier copy may still arrive'],
  copy_under_way: ['另一份请求正在途中', 'another copy is under way'],
  being_asked: ['另一请求正在处理', 'another caller is asking'],
  being_released: ['释放中', 'being released'],
  being_reversed: ['正在撤销', 'a reversal is under way'],
  reversal_gave_back: ['已撤销，款项随撤销退回', 'reversed: the money went back'],
  refunds_exist: ['已有退款', 'refunds exist'],
  not_codepay: ['不是付款码订单', 'not a payment code order'],
  asked_meanwhile: ['其间已向微信支付下单', 'WeChat has been asked for it meanwhile'],
  taken_by_wechat: ['微信支付已受理', 'WeChat has taken it'],
  nothing_to_send: ['没有可发送的', 'nothing to send'],
  not_waiting: ['没有在等这个应答', 'nothing is waiting for this answer'],
  awaits_balance: ['余额充足后再试', 'tried again once there is money'],
  too_soon: ['距上一次太近', 'too soon after the last time'],
  sent_over_a_day_ago: ['首次发出已超过一天', 'first sent over a day ago'],
  hinted_lately: ['刚按提示查过', 'hinted a moment ago'],
  operator_decides: ['由运营人员决定', 'an operator decides'],
  taken_up_again: ['运营人员已重新处理', 'an operator has taken it up again'],
  moved_on: ['记录已变，不再适用', 'the record has moved on'],
} as const satisfies Record<string, Sentence>;

/** `effects[].error`: why a delivery failed. `error_detail` is the other side's: a status, a code, what a hook threw. */
const DELIVERIES = {
  gone: ['接收方不再接收', 'gone'],
  receiver_answered: ['接收方应答异常', 'receiver answered'],
  receiver_not_reached: ['无法连接接收方', 'receiver not reached'],
  public_address: [
    'webhookUrl 是 http 且指向公网地址，请用 https',
    'webhookUrl is http and leads to a public address: use https',
  ],
  broker_unconfirmed: ['消息队列未确认', 'broker did not confirm'],
  hook_failed: ['hook 执行失败', 'hook failed'],
  hook_crashed: ['hook 崩溃', 'hook crashed'],
  hook_ended_thread: ['hook 结束了线程', 'hook ended its thread'],
  hooks_unloadable: ['hooks 模块加载失败', 'hooks module failed to load'],
  hooks_not_started: ['hooks 线程未能启动', 'hooks thread did not start'],
  hooks_thread_ended: ['hooks 线程已结束', 'the thread was ended for another call'],
  no_answer: ['限时内没有应答', 'no answer in time'],
  stopped: ['投递被中止', 'delivery was stopped'],
  sink_closed: ['投递通道已关闭', 'sink is closed'],
  unfinished: ['上一次投递没有结束', 'the last attempt did not end'],
  failed: ['投递失败', 'delivery failed'],
} as const satisfies Record<string, Sentence>;

export type HistoryCode = keyof typeof HISTORY;
export type AlarmCode = keyof typeof ALARMS;
export type EscalationCode = keyof typeof ESCALATIONS;
export type DecisionCode = keyof typeof DECISIONS;
export type DeliveryCode = keyof typeof DELIVERIES;

/** Why a delivery failed. */
export interface DeliveryFailure {
  readonly code: DeliveryCode;
  readonly detail?: string;
}

const SENTENCES: ReadonlyMap<string, Sentence> = new Map(
  Object.entries({ ...ALARMS, ...ESCALATIONS, ...HISTORY, ...DECISIONS, ...DELIVERIES }),
);

/** undefined: no code of ours, but a sentence of an earlier version, or a code of a later one. */
export const sentenceOf = (code: string): Sentence | undefined => SENTENCES.get(code);

/** For a caller: why his request is refused, in both languages, and what it is about. */
export function wordsOf({
  why,
  detail,
}: {
  readonly why: DecisionCode;
  readonly detail?: string;
}): string {
  const said = DECISIONS[why].join(' / ');
  return detail === undefined ? said : `${said}: ${detail}`;
}

/** A failed delivery in English: for errors and logs. */
export const failureText = ({ code, detail }: DeliveryFailure): string =>
  detail === undefined ? DELIVERIES[code][1] : `${DELIVERIES[code][1]}: ${detail}`;
