/**
 * Counters for Prometheus, in its text format 0.0.4: seconds and bytes, HELP and TYPE, labels from bounded sets,
 * no identities but the key of a further merchant. Why not prom-client: docs/decisions/0005-metrics.md.
 */

/** What is counted besides requests; `labels` in the order in which `count` takes their values. */
const COUNTERS = {
  effects_total: { labels: ['type'], help: 'Effects written into records' },
  deliveries_total: { labels: ['result'], help: 'Attempts to deliver an effect' },
  wechat_requests_total: {
    labels: ['operation', 'outcome'],
    help: 'Calls to WeChat Pay: proven, refused (nothing is proven) or unknown',
  },
  alarms_total: { labels: ['code'], help: 'Log lines that a person must look at' },
  sweep_records_total: { labels: ['lane'], help: 'Records that the sweep worked on' },
} as const;

const GAUGES = {
  oldest_due_age_seconds: 'For how long the oldest piece of work has been due; 0 = nothing is due',
  store_up: 'Whether the store answers',
  last_sweep_age_seconds: 'Time since a sweep ended in this process, or since its start',
  resident_memory_bytes: 'Resident memory of this process',
} as const;

export type CounterName = keyof typeof COUNTERS;
export type Gauges = Readonly<Record<keyof typeof GAUGES, number | undefined>>;
type Values<L extends readonly string[]> = { readonly [K in keyof L]: string };

export interface Counting {
  /** One answered request. */
  observe(route: string, status: number, ms: number): void;
  count<N extends CounterName>(name: N, ...values: Values<(typeof COUNTERS)[N]['labels']>): void;
}

export interface Metrics extends Counting {
  /** The same with the label `merchant`; undefined = the environment's own, which has no such label. */
  of(merchant: string | undefined): Counting;
  /**
   * @param gauges  As they are at this moment; undefined = not known, the gauge is left out.
   * @param further  Those of further merchants, by their keys.
   */
  text(
    gauges: Gauges,
    build: Readonly<Record<string, string>>,
    further?: ReadonlyMap<string, Partial<Gauges>>,
  ): string;
}

const PREFIX = 'pay_common_';
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** All labels come from closed sets. If one does not, further values are counted together. */
const SERIES_MAX = 500;

type Series = Map<string, number>;

interface Route {
  count: number;
  sumMs: number;
  readonly buckets: number[];
  readonly byStatus: Map<number, number>;
}
type Routes = Map<string, Route>;

/** What is counted of one merchant, each in bounds of its own. */
interface Counted extends Counting {
  readonly routes: Routes;
  readonly counters: ReadonlyMap<CounterName, Series>;
}
/** By merchant; '' = the environment's own. */
type By<T> = ReadonlyMap<string, T>;

function label(name: string, value: string): string {
  const escaped = value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
  return `${name}="${escaped}"`;
}

/** `{…}`, or nothing where there are none. */
function labelsOf(merchant: string, ...labels: readonly string[]): string {
  const named = merchant === '' ? labels : [...labels, label('merchant', merchant)];
  const text = named.filter((one) => one !== '').join(',');
  return text === '' ? '' : `{${text}}`;
}

function add(series: Series, key: string): void {
  const known = series.get(key);
  if (known === undefined && series.size >= SERIES_MAX) series.set('', (series.get('') ?? 0) + 1);
  else series.set(key, (known ?? 0) + 1);
}

function createCounted(): Counted {
  const routes: Routes = new Map();
  const counters = new Map<CounterName, Series>();
  return {
    routes,
    counters,
    observe(route, status, ms) {
      const known = routes.get(route) ?? newRoute(routes, route);
      known.byStatus.set(status, (known.byStatus.get(status) ?? 0) + 1);
      known.count++;
      known.sumMs += ms;
      const i = BUCKETS_SECONDS.findIndex((limit) => ms <= limit * 1000);
      if (i >= 0) known.buckets[i] = (known.buckets[i] ?? 0) + 1;
    },
    count(name, ...values) {
      let series = counters.get(name);
      if (series === undefined) counters.set(name, (series = new Map<string, number>()));
      add(series, COUNTERS[name].labels.map((key, i) => label(key, values[i] ?? '')).join());
    },
  };
}

/** Merchants come from the settings: there are as many as the file has entries. */
export function createMetrics(): Metrics {
  const own = createCounted();
  const all = new Map([['', own]]);
  const each = <T>(of: (counted: Counted) => T): By<T> =>
    new Map([...all].map(([merchant, counted]) => [merchant, of(counted)]));

  return {
    ...own,
    of(merchant = '') {
      const counted = all.get(merchant) ?? createCounted();
      all.set(merchant, counted);
      return counted;
    },
    text(gauges, build, further = new Map()) {
      const names = Object.keys(COUNTERS) as CounterName[];
      const labels = Object.entries(build).map(([name, value]) => label(name, value));
      const now: By<Partial<Gauges>> = new Map([['', gauges], ...further]);
      const lines = [
        ...counter('http_requests_total', 'Answered requests', each(requestsOf)),
        ...histogram('http_request_duration_seconds', 'Time to answer a request', each(routesOf)),
        ...names.flatMap((name) =>
          counter(
            name,
            COUNTERS[name].help,
            each(({ counters }) => counters.get(name)),
          ),
        ),
        ...Object.entries(GAUGES).flatMap(([name, help]) =>
          gauge(name, help, new Map([...now].map(([m, one]) => [m, one[name as keyof Gauges]]))),
        ),
        ...gauge('build_info', 'Which build runs; always 1', new Map([['', 1]]), labels),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}

function newRoute(routes: Routes, name: string): Route {
  const buckets = BUCKETS_SECONDS.map(() => 0);
  const route: Route = { count: 0, sumMs: 0, buckets, byStatus: new Map() };
  if (routes.size < SERIES_MAX) routes.set(name, route);
  return route;
}

const routesOf = ({ routes }: Counted): Routes => routes;

const requestsOf = ({ routes }: Counted): Series =>
  new Map<string, number>(
    [...routes].flatMap(([name, { byStatus }]) =>
      [...byStatus].map(
        ([status, n]) => [`${label('route', name)},${label('status', String(status))}`, n] as const,
      ),
    ),
  );

const head = (name: string, type: string, help: string): string[] => [
  `# HELP ${PREFIX}${name} ${help}.`,
  `# TYPE ${PREFIX}${name} ${type}`,
];

function counter(name: string, help: string, by: By<Series | undefined>): string[] {
  const lines = [...by].flatMap(([merchant, series = new Map<string, number>()]) =>
    [...series].map(([key, n]) => `${PREFIX}${name}${labelsOf(merchant, key)} ${String(n)}`),
  );
  return [...head(name, 'counter', help), ...lines];
}

function gauge(
  name: string,
  help: string,
  by: By<number | undefined>,
  labels: readonly string[] = [],
): string[] {
  const lines = [...by].flatMap(([merchant, value]) =>
    value === undefined
      ? []
      : [`${PREFIX}${name}${labelsOf(merchant, ...labels)} ${String(value)}`],
  );
  return lines.length === 0 ? [] : [...head(name, 'gauge', help), ...lines];
}

function histogram(name: string, help: string, by: By<Routes>): string[] {
  const lines = head(name, 'histogram', help);
  for (const [merchant, routes] of by) {
    for (const [route, one] of routes) lines.push(...histogramOf(name, one, [merchant, route]));
  }
  return lines;
}

function histogramOf(
  name: string,
  { count, sumMs, buckets }: Route,
  [merchant, route]: readonly [merchant: string, route: string],
): string[] {
  const key = label('route', route);
  const labels = labelsOf(merchant, key);
  const lines: string[] = [];
  let total = 0;
  BUCKETS_SECONDS.forEach((limit, i) => {
    total += buckets[i] ?? 0;
    const bucket = labelsOf(merchant, key, label('le', String(limit)));
    lines.push(`${PREFIX}${name}_bucket${bucket} ${String(total)}`);
  });
  lines.push(
    `${PREFIX}${name}_bucket${labelsOf(merchant, key, label('le', '+Inf'))} ${String(count)}`,
    `${PREFIX}${name}_sum${labels} ${String(sumMs / 1000)}`,
    `${PREFIX}${name}_count${labels} ${String(count)}`,
  );
  return lines;
}
