import { Table } from '@mantine/core';
import { Link } from 'wouter';
import { momentText, yuan } from '../format';
import { fenOf, type ShownRecord } from '../records';
import { useSay } from '../session';
import { StateBadge } from './StateBadge';

export const recordPath = ({ kind, no }: Pick<ShownRecord, 'kind' | 'no'>): string =>
  `/records/${kind}/${encodeURIComponent(no)}`;

export function RecordsTable({ records }: { readonly records: readonly ShownRecord[] }) {
  const say = useSay();
  if (records.length === 0) return <p className="soft">{say('none')}</p>;
  return (
    <Table.ScrollContainer minWidth={560} tabIndex={0} role="region" aria-label={say('records')}>
      <Table highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{say('number')}</Table.Th>
            <Table.Th>{say('kind')}</Table.Th>
            <Table.Th>{say('state')}</Table.Th>
            <Table.Th className="figure">{say('amount')}</Table.Th>
            <Table.Th>{say('created')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {records.map((record) => (
            <Row key={`${record.kind}/${record.no}`} record={record} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ record }: { readonly record: ShownRecord }) {
  const say = useSay();
  const fen = fenOf(record);
  return (
    <Table.Tr>
      <Table.Td className="number">
        <Link href={recordPath(record)}>{record.no}</Link>
      </Table.Td>
      <Table.Td>{say.state(record.kind)}</Table.Td>
      <Table.Td>
        <StateBadge state={record.state} />
      </Table.Td>
      <Table.Td className="figure">{fen === undefined ? '' : yuan(fen)}</Table.Td>
      <Table.Td className="moment">{momentText(record.created_at)}</Table.Td>
    </Table.Tr>
  );
}
