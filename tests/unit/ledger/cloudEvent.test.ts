/** Holds what is sent, the types, and the published schema together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { toCloudEvent } from '../../../services/ledger/cloudEvent';
import { EFFECT_TYPES } from '../../../services/ledger/effectTypes';
import { anOrder, aTransfer } from '../../helpers/storeRecords';
import {
  aCombination,
  anEvent,
  aPaidOrder,
  eventOf,
  OPENID,
  T0,
  withEffect,
} from '../effects/helpers';

const text = readFileSync(join(__dirname, '../../../docs/effects.schema.json'), 'utf8');
const schema = JSON.parse(text) as { properties: { type: { enum: string[] } } };
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false });
const valid = ajv.compile(schema);

/** The schema with nothing allowed that it does not name: a field sent but not published shows. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([k, v]) => [k, closed(v)]));
  const named = copy['type'] === 'object' && copy['properties'] !== undefined;
  return named ? { ...copy, additionalProperties: false } : copy;
}
const validClosed = ajv.compile(closed(schema) as object);

describe('an effect as it is sent', () => {
  it.each(EFFECT_TYPES)('%s fits the published schema, full and field by field', (type) => {
    const event = anEvent(type);
    expect(valid(event) ? [] : valid.errors).toEqual([]);
    expect(validClosed(event) ? [] : validClosed.errors).toEqual([]);
    expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  });

  it.each(['order.created', 'order.closed', 'refund.requested'] as const)(
    '%s of the barest order fits too',
    (type) => {
      expect(valid(eventOf(anOrder('A'), type)) ? [] : valid.errors).toEqual([]);
    },
  );

  it('of the barest transfer fits too', () => {
    expect(valid(eventOf(aTransfer('A'), 'transfer.accepted')) ? [] : valid.errors).toEqual([]);
  });

  it.each(['order.paid', 'refund.succeeded'] as const)('%s of a combination fits', (type) => {
    const event = eventOf(aCombination(), type);
    expect(validClosed(event) ? [] : validClosed.errors).toEqual([]);
    if (event.type === 'order.paid') expect(event.data.amount.total).toBe(100);
  });

  it('is one CloudEvent, the same bytes at every delivery', () => {
    const record = withEffect(aPaidOrder(), 'order.paid');
    const effect = record.effects[0];
    if (effect === undefined) throw new Error('no effect');
    const { data, ...envelope } = toCloudEvent(record, effect);
    expect(envelope).toEqual({
      specversion: '1.0',
      id: effect.id,
      type: 'order.paid',
      source: '/pay-common/1900000001',
      subject: 'ORDER0001',
      time: '2026-01-02T03:04:05+08:00',
      datacontenttype: 'application/json',
    });
    expect(data).toMatchObject({
      out_trade_no: 'ORDER0001',
      amount: { total: 100, currency: 'CNY' },
      prepared: false,
      payer: { openid: OPENID },
      payment: { transaction_id: '4200001234202601020000000001', total: 100, payer_total: 90 },
    });
    const retried = { ...effect, tries: 7, error: 'x' };
    expect(JSON.stringify(toCloudEvent({ ...record, version: 9, updated_at: T0 }, retried))).toBe(
      JSON.stringify(toCloudEvent(record, effect)),
    );
  });

  it('says nothing of how it was proven or asked for', () => {
    expect(JSON.stringify(anEvent('order.paid'))).not.toMatch(/proof|facts_hash|request/);
  });
});

describe('the published schema', () => {
  it('names exactly the types that exist', () => {
    expect([...schema.properties.type.enum].sort()).toEqual([...EFFECT_TYPES].sort());
  });

  it.each(['id', 'type', 'source', 'subject', 'time', 'data', 'specversion'])(
    'refuses an event without %s',
    (field) => {
      const { [field]: _, ...rest } = anEvent('order.paid') as unknown as Record<string, unknown>;
      expect(valid(rest)).toBe(false);
    },
  );

  it('refuses data of another type', () => {
    expect(valid({ ...anEvent('order.paid'), type: 'transfer.succeeded' })).toBe(false);
    expect(valid({ ...anEvent('order.paid'), type: 'order.unknown' })).toBe(false);
  });
});

describe('docs/effects.md', () => {
  const doc = readFileSync(join(__dirname, '../../../docs/effects.md'), 'utf8');

  it.each(EFFECT_TYPES)('tells of %s', (type) => {
    expect(doc).toContain(type);
  });

  it('says that the amount must be compared', () => {
    expect(doc).toContain(
      'With prices chosen by the client (the default) the receiver must compare',
    );
  });

  it('shows an event that fits the schema', () => {
    const shown = /```json\n([\s\S]*?)```/.exec(doc)?.[1] ?? '';
    expect(valid(JSON.parse(shown)) ? [] : valid.errors).toEqual([]);
  });
});
