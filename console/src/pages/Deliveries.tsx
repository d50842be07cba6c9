import { Button, Group, Table, TextInput, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { Link } from 'wouter';
import { call } from '../api';
import { lastDays, nextDay } from '../format';
import { ErrorNote } from '../parts/ErrorNote';
import { recordPath } from '../parts/RecordsTable';
import { StateBadge } from '../parts/StateBadge';
import { all, effectError, type EffectLine, type Kind, type ShownRecord } from '../records';
import { useSay, useSession } from '../session';

const READ_MAX = 10_000;
const KINDS: readonly Kind[] = ['order', 'combination', 'transfer'];

interface Undelivered {
  readonly record: ShownRecord;
  readonly effect: EffectLine;
}

const isUndelivered = ({ state }: EffectLine): boolean => state === 'dead' || state === 'skipped';

const undeliveredOf = (record: ShownRecord): Undelivered[] =>
  record.effects.filter(isUndelivered).map((effect) => ({ record, effect }));

/** Effects that reached nobody, over a range of days, to be delivered again one by one or together. */
export function Deliveries() {
  const say = useSay();
  const { key } = useSession();
  const [from, setFrom] = useState(() => lastDays(7)[0] ?? '');
  const [to, setTo] = useState(() => lastDays(1)[0] ?? '');
  const [found, setFound] = useState<readonly Undelivered[]>();
  const [said, setSaid] = useState('');
  const [error, setError] = useState<unknown>();

  async function look(event?: SyntheticEvent): Promise<void> {
    event?.preventDefault();
    setError(undefined);
    setFound(undefined);
    try {
      const list: Undelivered[] = [];
      for (const kind of KINDS) {
        const { records } = await all({ kind, from, to: nextDay(to) }, key, READ_MAX, (count) => {
          setSaid(`${say.state(kind)}: ${say('scanned')} ${String(count)}`);
        });
        list.push(...records.flatMap(undeliveredOf));
      }
      setFound(list);
      setSaid('');
    } catch (thrown) {
      setError(thrown);
    }
  }

  async function redeliver(list: readonly Undelivered[]): Promise<void> {
    setError(undefined);
    try {
      let count = 0;
      for (const { record, effect } of list) {
        const { kind, no } = record;
        await call('wxpay_redeliver', { kind, no, effect_id: effect.id }, key);
        count += 1;
        setSaid(`${say('redeliver')} ${String(count)}/${String(list.length)}`);
      }
      await look();
      setSaid(say('done'));
    } catch (thrown) {
      setError(thrown);
    }
  }

  return (
    <>
      <Title order={1}>{say('effects')}</Title>
      <p className="soft">{say('undelivered')}</p>
      <form onSubmit={(event) => void look(event)}>
        <Group align="flex-end">
          <TextInput
            type="date"
            label={say('from')}
            value={from}
            required
            onChange={(event) => {
              setFrom(event.currentTarget.value);
            }}
          />
          <TextInput
            type="date"
            label={say('to')}
            value={to}
            required
            onChange={(event) => {
              setTo(event.currentTarget.value);
            }}
          />
          <Button type="submit">{say('scan')}</Button>
        </Group>
      </form>
      <span role="status">{said}</span>
      <ErrorNote error={error} />
      {found === undefined ? null : <Found found={found} onAll={() => void redeliver(found)} />}
    </>
  );
}

function Found({
  found,
  onAll,
}: {
  readonly found: readonly Undelivered[];
  readonly onAll: () => void;
}) {
  const say = useSay();
  if (found.length === 0) return <p>{say('nothingNeeded')}</p>;
  return (
    <>
      <Button onClick={onAll}>
        {say('redeliverAll')} ({found.length})
      </Button>
      <Table.ScrollContainer minWidth={480} tabIndex={0} role="region" aria-label={say('effects')}>
        <Table>
          <Table.Tbody>
            {found.map(({ record, effect }) => (
              <Table.Tr key={effect.id}>
                <Table.Td className="number">
                  <Link href={recordPath(record)}>{record.no}</Link>
                </Table.Td>
                <Table.Td>
                  <code>{effect.type}</code>
                </Table.Td>
                <Table.Td>
                  <StateBadge state={effect.state} />
                </Table.Td>
                <Table.Td>{effectError(effect, say.language)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
