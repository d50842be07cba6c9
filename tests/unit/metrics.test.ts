/** What Prometheus reads: sound by promtool, bounded, and the same names as the documents say. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countedApi, countedDeliverer, countedLogger, countedWriter } from '../../bin/counted';
import type { DeliveryOutcome } from '../../services/delivery/deliverer';
import type { Decision } from '../../services/ledger/decision';
import type { OrderRecord, StoredRecord } from '../../services/ledger/record';
import { createRecordWriter } from '../../services/records/recordWriter';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import type { WechatReply } from '../../services/strategies/strategy';
import type { CheckedRequest } from '../../services/wechat/storedRequest';
import type { WechatApi } from '../../services/wechat/wechatApi';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { createMetrics, type Gauges, type Metrics } from '../../utils/metrics';
import { anOrder } from '../helpers/storeRecords';
import { ownStore } from '../helpers/ownStore';

const GAUGES: Gauges = {
  oldest_due_age_seconds: 1.5,
  store_up: 1,
  last_sweep_age_seconds: 12,
  resident_memory_bytes: 1000,
};
const UNKNOWN: WechatReply = { kind: 'unknown', reason: 'timeout', requestId: null };
const textOf = (metrics: Metrics, gauges = GAUGES): string =>
  metrics.text(gauges, { build: '1.0.0+"a"\\b', node: '20.0.0' });

function busy(): Metrics {
  const metrics = createMetrics();
  metrics.observe('/wx-pay/wxpay_order', 200, 5);
  metrics.observe('/wx-pay/wxpay_order', 200, 60_000);
  metrics.observe('/wechatpay/order', 503, 30);
  metrics.count('effects_total', 'order.paid');
  metrics.count('deliveries_total', 'delivered');
  metrics.count('wechat_requests_total', 'order', 'proven');
  metrics.count('alarms_total', 'refund.unresolved');
  metrics.count('sweep_records_total', 'ask');
  return metrics;
}

describe('the text for Prometheus', () => {
  it('counts requests and their time in seconds', () => {
    const text = textOf(busy());
    const order = '{route="/wx-pay/wxpay_order"';
    expect(text).toContain(`pay_common_http_requests_total${order},status="200"} 2\n`);
    const name = 'pay_common_http_request_duration_seconds';
    expect(text).toContain(`${name}_bucket${order},le="0.005"} 1\n`);
    expect(text).toContain(`${name}_bucket${order},le="10"} 1\n`);
    expect(text).toContain(`${name}_bucket${order},le="+Inf"} 2\n`);
    expect(text).toContain(`${name}_sum${order}} 60.005\n`);
  });

  it('names a further merchant; the series of the environment have no such label', () => {
    const metrics = createMetrics();
    for (const counting of [metrics, metrics.of('b'), metrics.of('b'), metrics.of(undefined)]) {
      counting.count('effects_total', 'order.paid');
      counting.observe('/', 200, 5);
    }
    const text = metrics.text(GAUGES, {}, new Map([['b', { oldest_due_age_seconds: 7 }]]));
    expect(text.match(/^pay_common_(effects|http_requests)_total.*$/gm)).toEqual([
      'pay_common_http_requests_total{route="/",status="200"} 2',
      'pay_common_http_requests_total{route="/",status="200",merchant="b"} 2',
      'pay_common_effects_total{type="order.paid"} 2',
      'pay_common_effects_total{type="order.paid",merchant="b"} 2',
    ]);
    expect(text).toContain('_seconds_bucket{route="/",le="0.005",merchant="b"} 2\n');
    expect(text.match(/^pay_common_oldest_due.*$/gm)).toEqual([
      'pay_common_oldest_due_age_seconds 1.5',
      'pay_common_oldest_due_age_seconds{merchant="b"} 7',
    ]);
    expect(text.match(/^pay_common_store_up.*$/gm)).toEqual(['pay_common_store_up 1']);
  });

  it('leaves out a gauge that is not known, and names the build', () => {
    const text = textOf(createMetrics(), { ...GAUGES, oldest_due_age_seconds: undefined });
    expect(text).not.toContain('oldest_due');
    expect(text).toContain('pay_common_build_info{build="1.0.0+\\"a\\"\\\\b",node="20.0.0"} 1\n');
  });

  it('holds a bounded number of series, and loses no count', () => {
    const metrics = createMetrics();
    for (let i = 0; i < 600; i++) metrics.count('alarms_total', `code${String(i)}`);
    const lines = textOf(metrics).match(/^pay_common_alarms_total.*$/gm) ?? [];
    expect(lines).toHaveLength(501);
    expect(lines.at(-1)).toBe('pay_common_alarms_total 100');
  });

  it('names every metric in docs/operations.md', () => {
    const page = readFileSync(join(__dirname, '../../docs/operations.md'), 'utf8');
    for (const [, name] of textOf(busy()).matchAll(/^# TYPE (\S+)/gm)) expect(page).toContain(name);
  });

  const promtool = spawnSync('promtool', ['--version']).error === undefined;
  const title = promtool ? 'passes promtool' : 'passes promtool (not installed: apt prometheus)';
  const check = promtool || process.env['CI'] === 'true' ? it : it.skip;
  check(title, () => {
    const several = busy();
    several.of('shop-b').count('effects_total', 'order.paid');
    several.of('shop-b').observe('/', 200, 5);
    for (const metrics of [busy(), createMetrics(), several]) {
      const run = spawnSync('promtool', ['check', 'metrics'], {
        input: textOf(metrics),
        encoding: 'utf8',
      });
      expect(`${run.stdout}${run.stderr}`).toBe('');
      expect(run.status).toBe(0);
    }
  });
});

describe('what is counted', () => {
  it.each([
    ['/v3/pay/transactions/jsapi', 'order'],
    ['/v3/combine-transactions/app', 'combination'],
    ['/v3/refund/domestic/refunds', 'refund'],
    ['/v3/refund/domestic/refunds/503/apply-abnormal-refund', 'abnormalRefund'],
    ['/v3/fund-app/mch-transfer/transfer-bills', 'transfer'],
  ])('takes what is sent to %s for %s', async (path, operation) => {
    const metrics = createMetrics();
    const send = (): Promise<WechatReply> => Promise.resolve(UNKNOWN);
    await countedApi({ send } as unknown as WechatApi, metrics).send({ path } as CheckedRequest);
    expect(textOf(metrics)).toContain(
      `wechat_requests_total{operation="${operation}",outcome="unknown"} 1`,
    );
  });

  it('names every other call by its method, never by a number', async () => {
    const metrics = createMetrics();
    const queryRefund = (): Promise<WechatReply> => Promise.resolve(UNKNOWN);
    const api = countedApi({ queryRefund } as unknown as WechatApi, metrics);
    expect(await api.queryRefund({ mchid: '1900000001' }, 'N1')).toBe(UNKNOWN);
    const text = textOf(metrics);
    expect(text).toContain('wechat_requests_total{operation="queryRefund",outcome="unknown"} 1');
    expect(text).not.toContain('N1');
  });

  it('takes alarms by their code, or by the name of the event', () => {
    const metrics = createMetrics();
    const logger = countedLogger(silentLogger, metrics);
    logger.error({ alarm: true, code: 'refund.unresolved' }, 'alarm');
    logger.error({ alarm: true }, 'effect dead');
    logger.error({ alarm: true, code: 'what they "say"' }, 'effect dead');
    logger.error({ code: 'EACCES' }, 'no alarm');
    const lines = textOf(metrics).match(/^pay_common_alarms_total.*$/gm);
    expect(lines).toEqual([
      'pay_common_alarms_total{code="refund.unresolved"} 1',
      'pay_common_alarms_total{code="effect_dead"} 2',
    ]);
  });

  it('takes effects that a change brought in, once', async () => {
    const metrics = createMetrics();
    const store = ownStore(createMemoryOrderStore());
    const writer = createRecordWriter({ store, clock: systemClock, logger: silentLogger });
    const counted = countedWriter(writer, metrics);
    const effect = { type: 'order.paid', at: 1, data: {}, tries: 0, state: 'pending' } as const;
    const order = anOrder('ORDER0001', { effects: [{ ...effect, id: 'ef_1' }] });
    const add = (record: OrderRecord): Decision<OrderRecord> => ({
      kind: 'next',
      record: {
        ...record,
        version: record.version + 1,
        effects: [...record.effects, { ...effect, id: 'ef_2', type: 'refund.succeeded' }],
      },
    });
    expect(await counted.create(order)).toBe('inserted');
    expect(await counted.create(order)).toBe('exists');
    const ref = { kind: 'order', no: 'ORDER0001' } as const;
    await counted.change<OrderRecord>(ref, add);
    await counted.change<OrderRecord>(ref, () => ({ kind: 'ignored', why: 'already_known' }));
    await store.close();
    const lines = textOf(metrics).match(/^pay_common_effects_total.*$/gm);
    expect(lines).toEqual([
      'pay_common_effects_total{type="order.paid"} 1',
      'pay_common_effects_total{type="refund.succeeded"} 1',
    ]);
  });

  it('takes deliveries that were tried', async () => {
    const metrics = createMetrics();
    for (const outcome of ['delivered', 'none', 'failed'] satisfies DeliveryOutcome[]) {
      const deliverDue = (): Promise<DeliveryOutcome> => Promise.resolve(outcome);
      await countedDeliverer({ deliverDue }, metrics).deliverDue({} as StoredRecord);
    }
    const lines = textOf(metrics).match(/^pay_common_deliveries_total.*$/gm);
    expect(lines).toEqual([
      'pay_common_deliveries_total{result="delivered"} 1',
      'pay_common_deliveries_total{result="failed"} 1',
    ]);
  });
});
