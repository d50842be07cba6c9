/** Counters for Prometheus: a bounded set of names, no identities. */

export interface Metrics {
  observe(route: string, status: number, ms: number): void;
  /** Prometheus text, with gauges read at this moment. */
  text(gauges: Readonly<Record<string, number>>): string;
}

const BUCKETS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];

interface Series {
  count: number;
  sumMs: number;
  readonly buckets: number[];
}

export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  const latency = new Map<string, Series>();

  return {
    observe(route, status, ms) {
      const key = `route="${route}",status="${String(status)}"`;
      requests.set(key, (requests.get(key) ?? 0) + 1);
      let series = latency.get(route);
      if (series === undefined) {
        series = { count: 0, sumMs: 0, buckets: BUCKETS_MS.map(() => 0) };
        latency.set(route, series);
      }
      series.count++;
      series.sumMs += ms;
      const i = BUCKETS_MS.findIndex((limit) => ms <= limit);
      if (i >= 0) series.buckets[i] = (series.buckets[i] ?? 0) + 1;
    },
    text(gauges) {
      const lines = ['# TYPE pay_common_requests_total counter'];
      for (const [key, n] of requests) lines.push(`pay_common_requests_total{${key}} ${String(n)}`);
      lines.push('# TYPE pay_common_request_duration_ms histogram');
      for (const [route, series] of latency) lines.push(...histogram(route, series));
      for (const [name, value] of Object.entries(gauges)) {
        lines.push(`# TYPE pay_common_${name} gauge`, `pay_common_${name} ${String(value)}`);
      }
      return lines.join('\n') + '\n';
    },
  };
}

function histogram(route: string, series: Series): string[] {
  const name = 'pay_common_request_duration_ms';
  const lines: string[] = [];
  let total = 0;
  BUCKETS_MS.forEach((limit, i) => {
    total += series.buckets[i] ?? 0;
    lines.push(`${name}_bucket{route="${route}",le="${String(limit)}"} ${String(total)}`);
  });
  lines.push(`${name}_bucket{route="${route}",le="+Inf"} ${String(series.count)}`);
  lines.push(`${name}_sum{route="${route}"} ${series.sumMs.toFixed(1)}`);
  lines.push(`${name}_count{route="${route}"} ${String(series.count)}`);
  return lines;
}
