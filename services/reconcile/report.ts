/** What a reconciliation says: as data, as CSV for a spreadsheet, as a table for people. */

export const DIFFERENCE_CLASSES = [
  'missing_here',
  'missing_at_wechat',
  'amount',
  'state',
  'fee',
  'duplicate',
  'refund_missing_here',
  'refund_missing_at_wechat',
  'refund_amount',
  'refund_state',
] as const;

export type DifferenceClass = (typeof DIFFERENCE_CLASSES)[number];
export type Facts = Readonly<Record<string, string | number | boolean | null>>;

export interface Difference {
  readonly class: DifferenceClass;
  readonly out_trade_no: string;
  readonly out_refund_no?: string;
  /** Our record; null: none. Where it is resolved as it was found, else as it is after the question. */
  readonly here: Facts | null;
  /** The bill's row; null: none. `answer`: what WeChat said when asked about it. */
  readonly wechat: Facts | null;
  /** true: the proven answer explained it, and our record has learned it. */
  readonly resolved: boolean;
}

export interface ReconcileReport {
  /** A Beijing day, `YYYY-MM-DD`. */
  readonly bill_date: string;
  /** Rows of ours in the bill, each compared with its record. */
  readonly compared: number;
  /** At most so many as `settings.keptMax`; `omitted` counts the others, which were not asked about. */
  readonly differences: readonly Difference[];
  readonly omitted: number;
  readonly unresolved: number;
  readonly by_class: Readonly<Partial<Record<DifferenceClass, number>>>;
  /** none: WeChat says there was no business that day. */
  readonly statement: 'found' | 'none';
  /**
   * missing: no fund-flow bill, so fees were compared with the rate alone. unrelated: it knows none of the
   * payments. unreadable: left out, `fund_fault` says why.
   */
  readonly fund_bill: 'compared' | 'missing' | 'unrelated' | 'unreadable';
  readonly fund_fault?: string;
  /** Rows of other appids or merchants: counted, not imported. */
  readonly foreign: number;
  readonly payments: number;
  readonly refunds: number;
  /** Payments we hold of that day. */
  readonly held: number;
  /** One sentence where a person must look at the day as a whole. */
  readonly alarm: string | null;
  /** RFC 3339. */
  readonly made_at: string;
}

const COLUMNS = ['class', 'out_trade_no', 'out_refund_no', 'resolved', 'here', 'wechat'] as const;

const factsText = (facts: Facts | null): string =>
  facts === null
    ? ''
    : Object.entries(facts)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(' ');

const cells = (d: Difference): readonly string[] => [
  d.class,
  d.out_trade_no,
  d.out_refund_no ?? '',
  d.resolved ? 'yes' : 'no',
  factsText(d.here),
  factsText(d.wechat),
];

/** Quoted; and what a spreadsheet would take for a formula is made text, for payers choose numbers. */
function quoted(value: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** RFC 4180 with a BOM, so that spreadsheets read it as UTF-8. */
export function reportCsv(report: ReconcileReport): string {
  const lines = [
    COLUMNS.join(','),
    ...report.differences.map((d) => cells(d).map(quoted).join(',')),
  ];
  return `\ufeff${lines.join('\r\n')}\r\n`;
}

/** What a terminal would obey rather than show is left out. */
const plain = (cell: string): string => cell.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');

/** Plain text for a terminal: a summary, then a table of the differences. */
export function reportTable(report: ReconcileReport, rowsMax = 200): string {
  const { differences } = report;
  const found = differences.length + report.omitted;
  const lines = [
    `${report.bill_date}  比对 compared ${report.compared}  差异 differences ${found}  ` +
      `未解决 unresolved ${report.unresolved}`,
    `支付 payments ${report.payments}  退款 refunds ${report.refunds}  本地 held ${report.held}  ` +
      `其他 appid foreign ${report.foreign}  资金账单 fund bill ${report.fund_bill}`,
  ];
  if (report.statement === 'none') lines.push('当日无账单 / no statement exists for that day');
  if (report.fund_fault !== undefined) lines.push(`! ${report.fund_fault}`);
  if (report.alarm !== null) lines.push(`! ${report.alarm}`);
  if (differences.length === 0) return `${lines.join('\n')}\n`;
  const rows = [
    COLUMNS as readonly string[],
    ...differences.slice(0, rowsMax).map((d) => cells(d).map(plain)),
  ];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  lines.push('');
  for (const row of rows) {
    lines.push(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
  const more = found - Math.min(differences.length, rowsMax);
  if (more > 0) lines.push(`… ${more} more`);
  return `${lines.join('\n')}\n`;
}
