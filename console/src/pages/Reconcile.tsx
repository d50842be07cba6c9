import { Button, Group, Table, TextInput, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { Link } from 'wouter';
import { call, type Done } from '../api';
import { lastDays } from '../format';
import { csvOf, saveCsv } from '../parts/csv';
import { ErrorNote } from '../parts/ErrorNote';
import { recordPath } from '../parts/RecordsTable';
import { useSay, useSession } from '../session';

type Facts = Readonly<Record<string, unknown>> | null;

interface Difference {
  readonly class: string;
  readonly out_trade_no: string;
  readonly out_refund_no?: string;
  readonly here: Facts;
  readonly wechat: Facts;
  readonly resolved: boolean;
}

interface Report {
  readonly bill_date: string;
  readonly compared: number;
  readonly differences: readonly Difference[];
  readonly omitted: number;
  readonly unresolved: number;
  readonly statement: string;
  readonly alarm: string | null;
}

const factsText = (facts: Facts): string =>
  Object.entries(facts ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

export function Reconcile() {
  const say = useSay();
  const { key } = useSession();
  const [day, setDay] = useState(() => lastDays(2)[0] ?? '');
  const [report, setReport] = useState<Report>();
  const [error, setError] = useState<unknown>();
  const [running, setRunning] = useState(false);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setRunning(true);
    setError(undefined);
    setReport(undefined);
    try {
      const { data } = (await call('wxpay_reconcile', { bill_date: day }, key)) as Done<unknown>;
      setReport(data as Report);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setRunning(false);
    }
  }

  return (
    <>
      <Title order={1}>{say('reconcile')}</Title>
      <form onSubmit={(event) => void submit(event)}>
        <Group align="flex-end">
          <TextInput
            type="date"
            label={say('billDate')}
            value={day}
            required
            onChange={(event) => {
              setDay(event.currentTarget.value);
            }}
          />
          <Button type="submit" loading={running}>
            {say('run')}
          </Button>
        </Group>
      </form>
      <ErrorNote error={error} />
      <div role="status">{report === undefined ? null : <Result report={report} />}</div>
    </>
  );
}

function Result({ report }: { readonly report: Report }) {
  const say = useSay();
  if (report.statement === 'none') return <p>{report.alarm ?? say('noStatement')}</p>;
  const found = report.differences.length + report.omitted;
  return (
    <>
      <dl className="figures">
        {(
          [
            ['compared', report.compared],
            ['differences', found],
            ['unresolved', report.unresolved],
          ] as const
        ).map(([name, value]) => (
          <div key={name}>
            <dt>{say(name)}</dt>
            <dd className="figure">{value}</dd>
          </div>
        ))}
      </dl>
      {report.alarm === null ? null : <p className="bad-text">{report.alarm}</p>}
      {found === 0 ? <p>{say('noDifferences')}</p> : <Differences report={report} />}
    </>
  );
}

function Differences({ report }: { readonly report: Report }) {
  const say = useSay();
  const rows = report.differences;
  function save(): void {
    const lines = rows.map((one) => [
      one.class,
      one.out_trade_no,
      one.out_refund_no ?? '',
      one.resolved ? 'yes' : 'no',
      factsText(one.here),
      factsText(one.wechat),
    ]);
    const columns = ['class', 'out_trade_no', 'out_refund_no', 'resolved', 'here', 'wechat'];
    saveCsv(`differences-${report.bill_date}.csv`, csvOf([columns, ...lines]));
  }
  return (
    <>
      <Table.ScrollContainer
        minWidth={720}
        tabIndex={0}
        role="region"
        aria-label={say('differences')}
      >
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{say('class')}</Table.Th>
              <Table.Th>{say('number')}</Table.Th>
              <Table.Th>{say('here')}</Table.Th>
              <Table.Th>{say('atWechat')}</Table.Th>
              <Table.Th>{say('resolved')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((one, i) => (
              <Table.Tr key={i}>
                <Table.Td>{one.class}</Table.Td>
                <Table.Td className="number">
                  <Link href={recordPath({ kind: 'order', no: one.out_trade_no })}>
                    {one.out_trade_no}
                  </Link>{' '}
                  {one.out_refund_no}
                </Table.Td>
                <Table.Td>{factsText(one.here)}</Table.Td>
                <Table.Td>{factsText(one.wechat)}</Table.Td>
                <Table.Td>{say(one.resolved ? 'yes' : 'no')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Button variant="default" onClick={save}>
        {say('exportCsv')}
      </Button>
    </>
  );
}
