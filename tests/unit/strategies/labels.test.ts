import { kindOf } from '../../../services/strategies/labels';
import { createDirectDialect } from '../../../services/wechat/directDialect';
import type { JsonObject } from '../../../services/strategies/readJsonObject';
import type { NotificationKind } from '../../../services/strategies/strategy';

/** Every label against every plaintext: only the pairs WeChat sends may pass. */

const dialect = createDirectDialect({
  mchid: '1',
  appids: ['wx1'],
  payNotifyUrl: 'https://example.com/pay',
  refundNotifyUrl: 'https://example.com/refund',
  transferNotifyUrl: undefined,
});

interface Sample {
  readonly kind: NotificationKind;
  readonly event: string;
  readonly type: string;
  readonly plaintext: JsonObject;
}

const payment = { mchid: '1', out_trade_no: 'T1', trade_state: 'SUCCESS' };
const refund = { mchid: '1', out_trade_no: 'T1', out_refund_no: 'R1' };
const transfer = { mch_id: '1', out_bill_no: 'B1' };
const combination = {
  combine_mchid: '1',
  combine_out_trade_no: 'C1',
  sub_orders: [
    { out_trade_no: 'T1', trade_state: 'SUCCESS' },
    { out_trade_no: 'T2', trade_state: 'SUCCESS' },
  ],
};
const FINISHED = 'MCHTRANSFER.BILL.FINISHED';
const PAID = 'TRANSACTION.SUCCESS';

const SAMPLES: readonly Sample[] = [
  { kind: 'payment', event: PAID, type: 'transaction', plaintext: payment },
  { kind: 'combination', event: PAID, type: 'transaction', plaintext: combination },
  ...(['SUCCESS', 'CLOSED', 'ABNORMAL'] as const).map((status) => ({
    kind: 'refund' as const,
    event: `REFUND.${status}`,
    type: 'refund',
    plaintext: { ...refund, refund_status: status },
  })),
  ...(['SUCCESS', 'FAIL', 'CANCELLED'] as const).map((state) => ({
    kind: 'transfer' as const,
    event: FINISHED,
    type: 'mch_payment',
    plaintext: { ...transfer, state },
  })),
  { kind: 'echo', event: 'SECURITY_ECHO.SUCCESS', type: 'security', plaintext: { echo: 'x' } },
];
const EVENTS = [...new Set(SAMPLES.map(({ event }) => event)), 'COMPLAINT.CREATE', 7, {}];
const TYPES = [...new Set(SAMPLES.map(({ type }) => type)), 'profitsharing', 'payscore', []];

interface Overrides {
  readonly eventTypes?: readonly unknown[];
  readonly originalTypes?: readonly unknown[];
  readonly associatedData?: unknown;
  readonly expected?: NotificationKind;
  readonly complete?: boolean;
  readonly plaintext?: JsonObject;
}

function judge(sample: Sample, over: Overrides = {}): NotificationKind | 'refused' {
  const result = kindOf(
    {
      plaintext: over.plaintext ?? sample.plaintext,
      labels: {
        eventTypes: over.eventTypes ?? [sample.event],
        originalTypes: over.originalTypes ?? [sample.type],
        associatedData: over.associatedData,
      },
      expected: over.expected,
      complete: over.complete ?? true,
    },
    dialect.notificationRules,
  );
  return 'kind' in result ? result.kind : 'refused';
}

describe.each(SAMPLES)('$event over a $kind', (sample) => {
  test('is what it says', () => {
    expect(judge(sample)).toBe(sample.kind);
    expect(judge(sample, { associatedData: sample.type })).toBe(sample.kind);
    expect(judge(sample, { associatedData: '' })).toBe(sample.kind);
  });

  test('is refused under every other event, original_type and associated_data', () => {
    for (const event of EVENTS.filter((other) => other !== sample.event)) {
      expect(judge(sample, { eventTypes: [event] })).toBe('refused');
      expect(judge(sample, { eventTypes: [sample.event, event] })).toBe('refused');
    }
    for (const type of TYPES.filter((other) => other !== sample.type)) {
      expect(judge(sample, { originalTypes: [type] })).toBe('refused');
      const known = typeof type === 'string' && type !== 'payscore';
      expect(judge(sample, { associatedData: type })).toBe(known ? 'refused' : sample.kind);
    }
  });

  test('is refused at every other route', () => {
    const routes = ['payment', 'refund', 'transfer', 'combination', 'echo'] as const;
    for (const expected of routes) {
      const right =
        expected === sample.kind || (expected === 'payment' && sample.kind === 'combination');
      expect(judge(sample, { expected })).toBe(right ? sample.kind : 'refused');
    }
  });

  test('may lack labels only in a forward', () => {
    expect(judge(sample, { eventTypes: [] })).toBe('refused');
    expect(judge(sample, { originalTypes: [] })).toBe('refused');
    const bare = judge(sample, { eventTypes: [], originalTypes: [], complete: false });
    expect(bare).toBe(sample.kind === 'echo' ? 'refused' : sample.kind);
  });
});

describe('the plaintext alone decides', () => {
  const [paid] = SAMPLES;
  if (paid === undefined) throw new Error('no sample');

  test.each([
    { ...payment, trade_state: 'NOTPAY' },
    { ...payment, trade_state: undefined },
    { ...payment, trade_state: ['SUCCESS'] },
    { trade_state: 'SUCCESS' },
    { ...combination, sub_orders: [] },
    { ...combination, sub_orders: 'SUCCESS' },
    { ...combination, sub_orders: [{ trade_state: 'SUCCESS' }, { trade_state: 'NOTPAY' }] },
    { ...combination, sub_orders: [null] },
    { ...refund, refund_status: 'PROCESSING' },
    { ...refund, refund_status: 'toString' },
    { ...transfer, state: 'ACCEPTED' },
    {},
  ] as JsonObject[])('%j is no notification', (plaintext) => {
    const loose = { plaintext, eventTypes: [], originalTypes: [], complete: false };
    expect(judge(paid, loose)).toBe('refused');
  });

  test.each([
    ['CHANGE', 'REFUND.ABNORMAL'],
    ['REFUNDCLOSE', 'REFUND.CLOSED'],
  ])('v2’s %s reads as %s', (refund_status, event) => {
    const over = { plaintext: { ...refund, refund_status }, originalTypes: ['refund'] };
    expect(judge(paid, { ...over, eventTypes: [event] })).toBe('refund');
    expect(judge(paid, { ...over, eventTypes: ['REFUND.SUCCESS'] })).toBe('refused');
  });
});

test('every merchant a plaintext names must be ours', () => {
  const { merchantOf } = dialect;
  expect(merchantOf({ mchid: '1' })).toBe('ours');
  expect(merchantOf({ mch_id: '1' })).toBe('ours');
  expect(merchantOf({ combine_mchid: '1' })).toBe('ours');
  expect(merchantOf({ mchid: '1', mch_id: '2' })).toBe('foreign');
  expect(merchantOf({ mchid: 1 })).toBe('foreign');
  expect(merchantOf({ mchid: null })).toBe('foreign');
  expect(merchantOf({})).toBe('unnamed');
});
