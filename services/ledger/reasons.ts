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

export type HistoryCode = keyof typeof HISTORY;
export type AlarmCode = keyof typeof ALARMS;
export type EscalationCode = keyof typeof ESCALATIONS;

const SENTENCES: ReadonlyMap<string, Sentence> = new Map(
  Object.entries({ ...ALARMS, ...ESCALATIONS, ...HISTORY }),
);

/** undefined: no code of ours, but a sentence of an earlier version, or a code of a later one. */
export const sentenceOf = (code: string): Sentence | undefined => SENTENCES.get(code);
