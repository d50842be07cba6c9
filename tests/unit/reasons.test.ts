/** Reasons are codes; sentences stand beside them, and old records keep theirs. */
import { nextVersion } from '../../services/ledger/decision';
import { sentenceOf, wordsOf } from '../../services/ledger/reasons';
import { viewRecord } from '../../services/records/recordView';
import { anOrder } from '../helpers/storeRecords';

const AT = 1_780_000_000_000;
const from = { source: 'sweep', proof: 'none' } as const;

it('has a sentence in both languages for a code, and none for anything else', () => {
  expect(sentenceOf('refund_sent')).toEqual(['退款已发出', 'refund sent']);
  expect(sentenceOf('order.mismatch')?.[1]).toMatch(/differs/);
  expect(sentenceOf('refund sent')).toBeUndefined();
  expect(sentenceOf('constructor')).toBeUndefined();
});

it('shows a line of history with its sentences, and a line of an earlier version as it stands', () => {
  const old = { at: AT, what: 'refund sent', ...from };
  const record = nextVersion(anOrder('V1', { history: [old] }), {
    at: AT,
    what: 'refund_sent',
    ...from,
  });
  expect(viewRecord(record)).toMatchObject({
    history: [
      { what: 'refund sent', what_zh: 'refund sent', what_en: 'refund sent' },
      { what: 'refund_sent', what_zh: '退款已发出', what_en: 'refund sent' },
    ],
  });
});

it('says to a caller in both languages why the ledger refused, and what it is about', () => {
  expect(wordsOf({ why: 'above_refundable', detail: '70' })).toBe(
    '超过可退金额（分） / above what is refundable, in fen: 70',
  );
  expect(wordsOf({ why: 'refunds_exist' })).toBe('已有退款 / refunds exist');
});

it('shows why a delivery failed in both languages, and an earlier version’s sentence as it stands', () => {
  const effect = { type: 'order.paid', at: AT, data: {}, state: 'dead', tries: 1 } as const;
  const record = anOrder('V2', {
    effects: [
      { ...effect, id: 'ef_1', error: 'receiver_answered', error_detail: 'HTTP 500' },
      { ...effect, id: 'ef_2', error: 'receiver answered HTTP 500' },
    ],
  });
  expect(viewRecord(record).effects).toMatchObject([
    { error_zh: '接收方应答异常', error_en: 'receiver answered', error_detail: 'HTTP 500' },
    { error: 'receiver answered HTTP 500' },
  ]);
});
