/** `data.data` of what operators ask for, and the bodies of the status pages. */
import { closed, count, flag, list, moment, open, orNull, word } from './replyParts';

export const bill = {
  mediaType: 'text/csv',
  description: 'The bill as WeChat made it, streamed. X-Bill-Hash: SHA1 of its bytes',
} as const;

export const swept = closed(['done', 'left'], {
  done: count('Due records that were dealt with'),
  left: count('Due records that this call did not get to'),
});

const facts = (description: string) => orNull({ ...open([], {}), description });

const difference = closed(['class', 'out_trade_no', 'here', 'wechat', 'resolved'], {
  class: word(
    'missing_here, missing_at_wechat, amount, state, fee, duplicate; of refunds with refund_ before it',
  ),
  out_trade_no: word('Number of the order'),
  out_refund_no: word('Number of the refund'),
  here: facts('Our record; amounts in fen (分)'),
  wechat: facts("The bill's row; amounts in fen (分)"),
  resolved: flag('A proven answer explained it, and our record has learned it'),
});

const bill_date = word('Beijing day, YYYY-MM-DD');

export const reconciliation = open(['bill_date', 'compared', 'differences'], {
  bill_date,
  compared: count('Rows of ours in the bill, each compared with its record'),
  differences: list(difference, 'At most the first few hundred; `omitted` counts the others'),
  omitted: count('Differences beyond those listed; WeChat was not asked about them'),
  unresolved: count('Differences that a person must look at'),
  by_class: open([], {}),
  statement: word('found; none: WeChat says there was no business that day'),
  fund_bill: word('compared, missing, unrelated or unreadable'),
  fund_fault: word('Why the fund-flow bill was left out'),
  foreign: count('Rows of other appids or merchants: counted, not imported'),
  payments: count('Payments in the bill'),
  refunds: count('Refunds in the bill'),
  held: count('Payments of that day that we hold'),
  alarm: orNull(word('One sentence where a person must look at the day as a whole')),
  made_at: moment('When the report was made'),
});

const change = open(['at', 'what'], {
  at: moment('When'),
  what: word('What happened'),
  source: word('Who said so'),
  proof: word('How it was proven'),
});

const effect = open(['id', 'type'], {
  id: word('Stable: also webhook-id and the AMQP message id'),
  type: word('As order.paid: see docs/effects.md'),
  status: word('pending, delivered, dead or skipped'),
});

/** Facts differ by kind: amounts in fen (分), moments RFC 3339. */
export const record = open(['kind', 'no', 'state', 'version'], {
  kind: word('order, combination, transfer or report'),
  no: word('Number of the record'),
  state: word('See docs/operations.md'),
  version: count('Grows with every change'),
  created_at: moment('When it was recorded'),
  refunds: list(open([], {}), 'Refunds of an order'),
  history: list(change, 'What changed it, oldest first; bounded'),
  effects: list(effect, 'What is delivered to the merchant'),
  due_at: orNull(moment('When the sweep looks at it')),
});

const damaged = open(['kind', 'no', 'state'], {
  kind: word('order, combination, transfer or report'),
  no: word('Number of the record'),
  state: { const: 'damaged', description: 'Not believed: see docs/operations.md' },
});

export const recordList = closed(['records', 'next'], {
  records: list({ anyOf: [record, damaged] }, 'Newest first'),
  next: orNull(word('Send it as `after` for the next page; null: this is the last')),
});

/** Of `POST /`: as its target, or as a callback. */
export const dispatched = {
  anyOf: [
    open(['code', 'msg', 'data'], { code: { const: 0 } }),
    open(['code', 'message'], { code: { const: 'SUCCESS' } }),
  ],
};

const merchant = closed(['merchant', 'status'], {
  merchant: word('Its key in /m/<key>; without one its place in the file'),
  status: word('ok, or not configured'),
  error: word('CONFIG_INVALID or MISSING_CREDENTIALS; to operators'),
  faults: list({}, 'What is wrong with its settings; to operators'),
});

export const health = open(['code', 'msg', 'status', 'build', 'settings', 'durable', 'due'], {
  code: { const: 0 },
  msg: word('success'),
  status: word('ok, or not configured'),
  build: word('Which build this is'),
  sign_mode: orNull(word('sdk or gateway')),
  settings: { type: 'object', description: 'Every setting: is there a value?' },
  store: orNull(word('Which database')),
  durable: flag('Records survive the end of the process'),
  last_sweep: orNull(moment('When a sweep last ended in this process')),
  due: word(
    'ok; behind: work has waited for more than 5 minutes; unknown: the store does not answer',
  ),
  oldest_due_age_ms: orNull(count('How long the oldest due work waits, in ms; to operators')),
  store_error: orNull(word('Why the store could not be opened')),
  store_answers: flag('The store answers'),
  error: word('CONFIG_INVALID or MISSING_CREDENTIALS'),
  faults: list({}, 'What is wrong with the settings'),
  merchants: list(merchant, 'Further merchants of merchantsFile'),
  warnings: list(word('One sentence'), 'What is not wrong and deserves a look'),
});

export const readiness = closed(
  ['code', 'msg', 'ready', 'credentials', 'store', 'keys', 'key_serials', 'error'],
  {
    code: { enum: [0, -1], description: '0: ready' },
    msg: word('success, or not ready'),
    ready: flag('All of the below'),
    credentials: flag('The settings are whole'),
    store: flag('The store answers'),
    keys: flag('A key is there to check WeChat Pay’s signatures'),
    key_serials: list(word('Serial number'), 'Of the keys held'),
    error: orNull(word('Code of what is missing')),
  },
);
