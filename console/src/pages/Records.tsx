import { Button, Group, NativeSelect, TextInput, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { useLocation } from 'wouter';
import { ApiError, call } from '../api';
import { nextDay } from '../format';
import { csvOf, saveCsv } from '../parts/csv';
import { ErrorNote } from '../parts/ErrorNote';
import { recordPath, RecordsTable } from '../parts/RecordsTable';
import { all, fenOf, one, page, paidFen, refundedFen, type Filter, type Kind } from '../records';
import type { ShownRecord } from '../records';
import { useSay, useSession } from '../session';
import { useLoad } from '../useLoad';

const KINDS: readonly Kind[] = ['order', 'combination', 'transfer', 'report'];
const STATES: Readonly<Record<string, readonly string[]>> = {
  order: [
    'PREPARED',
    'CREATED',
    'PENDING',
    'PAID',
    'REFUNDING',
    'PARTIALLY_REFUNDED',
    'REFUNDED',
  ].concat(['CLOSED', 'REJECTED', 'MISMATCH', 'REVERSING']),
  combination: [
    'CREATED',
    'PENDING',
    'PAID',
    'REFUNDING',
    'PARTIALLY_REFUNDED',
    'REFUNDED',
    'CLOSED',
  ],
  transfer: [
    'CREATED',
    'ACCEPTED',
    'PROCESSING',
    'WAIT_USER_CONFIRM',
    'TRANSFERING',
    'SUCCESS',
    'FAIL',
    'CANCELING',
  ].concat(['CANCELLED']),
  report: [],
};
const EXPORT_MAX = 10_000;

export function Records() {
  const say = useSay();
  return (
    <>
      <Title order={1}>{say('records')}</Title>
      <FindNumber />
      <List />
    </>
  );
}

const isMissing = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** Where a number leads: its own record, or the order of that refund. */
async function placeOf(no: string, key: string): Promise<string | undefined> {
  for (const kind of ['order', 'combination', 'transfer'] as const) {
    try {
      return recordPath(await one(kind, no, key));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  try {
    const { data } = await call('wxpay_refund_query', { out_refund_no: no }, key);
    return recordPath({
      kind: 'order',
      no: String((data as { out_trade_no?: string }).out_trade_no),
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function FindNumber() {
  const say = useSay();
  const { key } = useSession();
  const [, go] = useLocation();
  const [no, setNo] = useState('');
  const [missing, setMissing] = useState(false);
  const [error, setError] = useState<unknown>();
  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setError(undefined);
    setMissing(false);
    try {
      const place = await placeOf(no.trim(), key);
      if (place === undefined) setMissing(true);
      else go(place);
    } catch (thrown) {
      setError(thrown);
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} role="search">
      <Group align="flex-end">
        <TextInput
          className="grow"
          label={say('findNumber')}
          value={no}
          onChange={(event) => {
            setNo(event.currentTarget.value);
          }}
          error={missing ? say('notFound') : undefined}
          autoComplete="off"
        />
        <Button type="submit" disabled={no.trim() === ''}>
          {say('find')}
        </Button>
      </Group>
      <ErrorNote error={error} />
    </form>
  );
}

/** Days as the form holds them, moments as the service takes them: the last day is included. */
const asked = ({ to, ...filter }: Filter): Filter => ({
  ...filter,
  ...(to ? { to: nextDay(to) } : {}),
});

function List() {
  const say = useSay();
  const { key } = useSession();
  const [filter, setFilter] = useState<Filter>({ kind: 'order' });
  const [older, setOlder] = useState<readonly ShownRecord[]>([]);
  const [after, setAfter] = useState<string | null>();
  const [failed, setFailed] = useState<unknown>();
  const first = useLoad(() => {
    setOlder([]);
    setAfter(undefined);
    return page(asked(filter), key);
  }, [key, JSON.stringify(filter)]);
  const next = after === undefined ? (first.value?.next ?? null) : after;
  const records = [...(first.value?.records ?? []), ...older];

  async function more(): Promise<void> {
    if (next === null) return;
    try {
      const found = await page(asked(filter), key, next);
      setOlder((before) => [...before, ...found.records]);
      setAfter(found.next);
    } catch (thrown) {
      setFailed(thrown);
    }
  }

  return (
    <section>
      <Filters filter={filter} onChange={setFilter} />
      <ErrorNote error={first.error ?? failed} />
      <RecordsTable records={records} />
      <Group>
        {next === null ? null : (
          <Button variant="default" onClick={() => void more()}>
            {say('more')}
          </Button>
        )}
        <Export filter={asked(filter)} />
      </Group>
    </section>
  );
}

function Filters({
  filter,
  onChange,
}: {
  readonly filter: Filter;
  readonly onChange: (filter: Filter) => void;
}) {
  const say = useSay();
  const change = (part: Filter): void => {
    onChange({ ...filter, ...part });
  };
  const states = [...(STATES[filter.kind ?? 'order'] ?? []), 'damaged'];
  return (
    <div className="filters">
      <NativeSelect
        label={say('kind')}
        value={filter.kind ?? 'order'}
        data={KINDS.map((kind) => ({ value: kind, label: say.state(kind) }))}
        onChange={(event) => {
          change({ kind: event.currentTarget.value as Kind, state: undefined });
        }}
      />
      <NativeSelect
        label={say('state')}
        value={filter.state ?? ''}
        data={[
          { value: '', label: say('any') },
          ...states.map((state) => ({ value: state, label: say.state(state) })),
        ]}
        onChange={(event) => {
          change({ state: event.currentTarget.value || undefined });
        }}
      />
      <TextInput
        label={say('payer')}
        value={filter.payer ?? ''}
        autoComplete="off"
        onChange={(event) => {
          change({ payer: event.currentTarget.value.trim() || undefined });
        }}
      />
      <TextInput
        type="date"
        label={say('from')}
        value={filter.from ?? ''}
        onChange={(event) => {
          change({ from: event.currentTarget.value || undefined });
        }}
      />
      <TextInput
        type="date"
        label={say('to')}
        value={filter.to ?? ''}
        onChange={(event) => {
          change({ to: event.currentTarget.value || undefined });
        }}
      />
    </div>
  );
}

const COLUMNS = [
  'no',
  'kind',
  'state',
  'amount_fen',
  'paid_fen',
  'refunded_fen',
  'payer',
  'created_at',
];

function Export({ filter }: { readonly filter: Filter }) {
  const say = useSay();
  const { key } = useSession();
  const [count, setCount] = useState<number>();
  const [error, setError] = useState<unknown>();
  async function save(): Promise<void> {
    setError(undefined);
    setCount(0);
    try {
      const { records } = await all(filter, key, EXPORT_MAX, setCount);
      const rows = records.map((record) => [
        record.no,
        record.kind,
        record.state,
        fenOf(record) ?? '',
        paidFen(record),
        refundedFen(record),
        record.payer ?? '',
        record.created_at,
      ]);
      saveCsv('records.csv', csvOf([COLUMNS, ...rows]));
    } catch (thrown) {
      setError(thrown);
    } finally {
      setCount(undefined);
    }
  }
  return (
    <>
      <Button variant="default" loading={count !== undefined} onClick={() => void save()}>
        {say('exportCsv')}
      </Button>
      <span role="status">{count === undefined ? '' : `${say('scanned')} ${String(count)}`}</span>
      <ErrorNote error={error} />
    </>
  );
}
