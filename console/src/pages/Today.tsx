import { Loader, Table, Title } from '@mantine/core';
import { useMemo } from 'react';
import { lastDays, yuan } from '../format';
import { ErrorNote } from '../parts/ErrorNote';
import { Chart } from '../parts/Chart';
import { RecordsTable } from '../parts/RecordsTable';
import { all, figuresByDay, type DayFigures, type ShownRecord } from '../records';
import { useSay, useSession } from '../session';
import { useLoad } from '../useLoad';

const DAYS = 30;
/** More orders than this are counted by the day's reports instead. */
const READ_MAX = 2000;
const NEWEST = 10;

interface Month {
  readonly days: readonly string[];
  readonly today: DayFigures;
  readonly isCut: boolean;
  /** Fen a day; with `isCut` payments a day by the reports; null: no report. */
  readonly bars: readonly (number | null)[];
  readonly newest: readonly ShownRecord[];
}

async function monthOf(key: string): Promise<Month> {
  const days = lastDays(DAYS);
  const from = days[0];
  const { records, cut } = await all({ kind: 'order', from }, key, READ_MAX);
  const figures = figuresByDay(records, days);
  const today = figures[DAYS - 1] as DayFigures;
  const newest = records.slice(0, NEWEST);
  if (!cut) {
    return { days, today, isCut: false, bars: figures.map((day) => day.paidFen), newest };
  }
  const reports = await all({ kind: 'report', from }, key, READ_MAX);
  const counts = new Map(reports.records.map(countOf));
  const bars = days.map((day) => counts.get(day) ?? null);
  bars[DAYS - 1] = today.paid;
  return { days, today, isCut: true, bars, newest };
}

function countOf(record: ShownRecord): readonly [day: string, payments: number] {
  const { bill_date, report } = record as unknown as {
    bill_date: string;
    report: { payments: number };
  };
  return [bill_date, report.payments];
}

export function Today() {
  const say = useSay();
  const { key } = useSession();
  const { value, error, loading } = useLoad(() => monthOf(key), [key]);
  return (
    <>
      <Title order={1}>{say('today')}</Title>
      <ErrorNote error={error} />
      {value === undefined ? (
        loading && <Loader aria-label={say('working')} />
      ) : (
        <Figures {...value} />
      )}
    </>
  );
}

function Figures({ today, days, bars, isCut, newest }: Month) {
  const say = useSay();
  const about = say(isCut ? 'fromReports' : 'byCreated');
  const series = useMemo(
    () => ({
      label: `${say('lastThirty')}: ${say('received')}`,
      values: isCut ? bars : bars.map((fen) => (fen === null ? null : fen / 100)),
    }),
    [bars, isCut, say.language],
  );
  const valueText = (value: number | null): string =>
    value === null ? '' : isCut ? String(value) : yuan(value);
  return (
    <>
      <dl className="figures">
        <Figure name={say('orders')} value={String(today.orders)} />
        <Figure name={say('paidOrders')} value={String(today.paid)} />
        <Figure name={say('received')} value={yuan(today.paidFen)} />
        <Figure name={say('refunded')} value={yuan(today.refundedFen)} />
      </dl>
      <Title order={2}>{say('lastThirty')}</Title>
      <p className="soft">{about}</p>
      <Chart days={days} series={series} />
      <details>
        <summary>{say('chartTable')}</summary>
        <Table className="narrow">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{say('day')}</Table.Th>
              <Table.Th className="figure">{say(isCut ? 'count' : 'received')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {days.map((day, i) => (
              <Table.Tr key={day}>
                <Table.Td>{day}</Table.Td>
                <Table.Td className="figure">{valueText(bars[i] ?? null)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </details>
      <RecordsTable records={newest} />
    </>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="figure">{value}</dd>
    </div>
  );
}
