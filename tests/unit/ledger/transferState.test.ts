/** A transfer only moves forward, and only by what WeChat proved. */
import {
  TRANSFER_STATES,
  type TransferRecord,
  type TransferState,
} from '../../../services/ledger/record';
import {
  decideTransfer,
  isFinalTransfer,
  type TransferEvent,
} from '../../../services/ledger/transferState';

const NOW = Date.parse('2026-01-02T03:04:05+08:00');
const CTX = { now: NOW, sink: true };
const FROM = { source: 'query', proof: 'signature' } as const;
const FINAL: readonly TransferState[] = ['SUCCESS', 'FAIL', 'CANCELLED'];

const inState = (state: TransferState): TransferRecord => ({
  kind: 'transfer',
  no: 'BILL1',
  state,
  schema: 1,
  version: 3,
  created_at: NOW,
  updated_at: NOW,
  payer: 'oPayer_abcdefghijklmnop00001',
  history: [],
  agenda: [{ do: 'transfer', at: NOW, tries: 2 }],
  effects: [],
  effect_seq: 0,
  appid: 'wx0000000000000001',
  mchid: '1900000001',
  transfer_amount: 100,
  facts_hash: 'f',
  attempts: 1,
});

const seen = (state: Exclude<TransferState, 'CREATED'>, more = {}): TransferEvent => ({
  type: 'seen',
  facts: { out_bill_no: 'BILL1', state, transfer_bill_no: '13300', ...more },
  ...FROM,
});

const told = TRANSFER_STATES.filter((s): s is Exclude<TransferState, 'CREATED'> => s !== 'CREATED');

describe('every state × every state told', () => {
  for (const from of TRANSFER_STATES) {
    for (const to of told) {
      it(`${from} told ${to}`, () => {
        const before = inState(from);
        const decision = decideTransfer(before, seen(to), CTX);
        const order = TRANSFER_STATES.indexOf(to) > TRANSFER_STATES.indexOf(from);
        if (FINAL.includes(from)) {
          // What ended stays ended; another end is kept in the history and alarmed.
          if (FINAL.includes(to) && to !== from) {
            expect(decision).toMatchObject({ kind: 'next', record: { state: from } });
            expect(decision).toHaveProperty('alarm');
          } else expect(decision.kind).toBe('ignored');
        } else if (FINAL.includes(to) || (order && from !== 'CANCELING')) {
          expect(decision).toMatchObject({ kind: 'next', record: { state: to, version: 4 } });
        } else if (decision.kind === 'next') {
          // Only forward: CANCELING comes after TRANSFERING.
          expect([from, to]).toEqual(['TRANSFERING', 'CANCELING']);
        }
        if (decision.kind === 'next' && isFinalTransfer(to) && !FINAL.includes(from)) {
          expect(decision.record.agenda.filter((i) => i.do === 'transfer')).toEqual([]);
        }
      });
    }
  }
});

describe('effects', () => {
  const types = (
    from: TransferState,
    event: TransferEvent,
    more: Partial<TransferRecord> = {},
  ): readonly string[] => {
    const decision = decideTransfer({ ...inState(from), ...more }, event, CTX);
    return decision.kind === 'next' ? decision.record.effects.map((e) => e.type) : [];
  };

  it.each([
    ['CREATED', 'WAIT_USER_CONFIRM', ['transfer.accepted']],
    ['CREATED', 'SUCCESS', ['transfer.accepted', 'transfer.succeeded']],
    ['WAIT_USER_CONFIRM', 'SUCCESS', ['transfer.succeeded']],
    ['WAIT_USER_CONFIRM', 'FAIL', ['transfer.failed']],
    ['CANCELING', 'CANCELLED', ['transfer.cancelled']],
    ['ACCEPTED', 'PROCESSING', []],
  ] as const)('%s → %s', (from, to, effects) => {
    expect(types(from, seen(to))).toEqual(effects);
  });

  it('one stopped here before it was sent was accepted by nobody', () => {
    const event: TransferEvent = { ...seen('FAIL'), source: 'system', proof: 'none' };
    expect(types('CREATED', event, { attempts: 0 })).toEqual(['transfer.failed']);
    // Once it may be on its way, no word of ours ends it.
    expect(types('CREATED', event, { attempts: 1 })).toEqual([]);
  });
});

it('no error code is a verdict', () => {
  const event: TransferEvent = { type: 'refused', attempt: 1, code: 'NOT_ENOUGH', ...FROM };
  const decision = decideTransfer(inState('CREATED'), event, CTX);
  expect(decision).toMatchObject({ kind: 'next', record: { state: 'CREATED' } });
});

it('an amount that differs from ours is alarmed', () => {
  expect(
    decideTransfer(inState('CREATED'), seen('SUCCESS', { transfer_amount: 99 }), CTX),
  ).toHaveProperty('alarm');
});

it('left to an operator, nothing repeats it', () => {
  const decision = decideTransfer(inState('CREATED'), { type: 'unresolved', ...FROM }, CTX);
  expect(decision).toMatchObject({ kind: 'next', record: { state: 'CREATED', agenda: [] } });
  expect(decision).toHaveProperty('alarm');
});

describe('one asker at a time', () => {
  const ours = { source: 'operator', proof: 'none' } as const;
  const send = (ms: number): TransferEvent => ({
    type: 'attempt',
    until: NOW + ms + 10_000,
    ...ours,
  });
  const at = (ms: number) => ({ ...CTX, now: NOW + ms });
  const apply = (record: TransferRecord, event: TransferEvent, ms = 0): TransferRecord => {
    const decision = decideTransfer(record, event, at(ms));
    if (decision.kind !== 'next') throw new Error(JSON.stringify(decision));
    return decision.record;
  };
  const first = apply({ ...inState('CREATED'), attempts: 0 }, send(0));

  it('has the right to send until the lease ends', () => {
    expect(decideTransfer(first, send(9_999), at(9_999)).kind).toBe('ignored');
    expect(apply(first, send(10_001), 10_001).attempts).toBe(2);
  });

  it('any answer to the latest attempt gives the right back, an earlier one does not', () => {
    const refused: TransferEvent = { type: 'refused', attempt: 1, code: 'NO_AUTH', ...FROM };
    const silent: TransferEvent = { type: 'unanswered', attempt: 1, ...ours };
    for (const answer of [refused, silent]) {
      expect(apply(apply(first, answer), send(1), 1).attempts).toBe(2);
    }
    const second = apply(first, send(10_001), 10_001);
    expect(decideTransfer(second, silent, at(10_002)).kind).toBe('ignored');
    const late = apply(second, refused, 10_002);
    expect(decideTransfer(late, send(10_003), at(10_003)).kind).toBe('ignored');
  });

  it('no attempt begins a day after the first, no matter who decided on it before', () => {
    const day = 24 * 3600_000;
    expect(decideTransfer(first, send(day), at(day)).kind).toBe('ignored');
    expect(decideTransfer(first, send(day - 1), at(day - 1)).kind).toBe('next');
  });
});
