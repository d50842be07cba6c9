import { Anchor, Button, Group, Loader, Table, Title } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { call } from '../api';
import { momentText, yuan } from '../format';
import { ErrorNote } from '../parts/ErrorNote';
import { Actions } from '../parts/Actions';
import { StateBadge } from '../parts/StateBadge';
import {
  effectError,
  fenOf,
  one,
  refundsOf,
  type EffectLine,
  type HistoryLine,
  type Kind,
  type PaymentLine,
  type ShownRecord,
} from '../records';
import { useSay, useSession } from '../session';
import { useLoad } from '../useLoad';

/** One record: what it is, who said what and how it was proven, what was delivered, and what may be done. */
export function Record({ kind, no }: { readonly kind: Kind; readonly no: string }) {
  const say = useSay();
  const { key } = useSession();
  const { value, error, again } = useLoad(() => one(kind, no, key), [kind, no, key]);
  return (
    <>
      <Anchor component={Link} href="/records">
        ← {say('records')}
      </Anchor>
      <Title order={1} className="number">
        {no}
      </Title>
      <ErrorNote error={error} />
      {value === undefined ? (
        error === undefined && <Loader aria-label={say('working')} />
      ) : (
        <Whole record={value} again={again} />
      )}
    </>
  );
}

function Whole({ record, again }: { readonly record: ShownRecord; readonly again: () => void }) {
  const say = useSay();
  return (
    <>
      <Facts record={record} />
      <Actions record={record} onDone={again} />
      <Refunds record={record} />
      <Title order={2}>{say('history')}</Title>
      <History lines={record.history} />
      <Title order={2}>{say('deliveries')}</Title>
      <Effects record={record} again={again} />
    </>
  );
}

function Facts({ record }: { readonly record: ShownRecord }) {
  const say = useSay();
  const fen = fenOf(record);
  return (
    <dl className="facts">
      <dt>{say('state')}</dt>
      <dd>
        <StateBadge state={record.state} />
      </dd>
      <dt>{say('kind')}</dt>
      <dd>
        {say.state(record.kind)} {record.product}
      </dd>
      {fen === undefined ? null : <Fact name={say('amount')} value={yuan(fen)} />}
      {record.description === undefined ? null : (
        <Fact name={say('description')} value={record.description} />
      )}
      {record.payer === undefined ? null : <Fact name={say('payer')} value={record.payer} />}
      <Fact name={say('created')} value={momentText(record.created_at)} />
      {record.payment === undefined ? null : <Payment payment={record.payment} />}
      {record.fail_reason === undefined ? null : (
        <Fact name={say('failed')} value={record.fail_reason} />
      )}
      {record.due_at === null ? null : (
        <Fact name={say('next')} value={momentText(record.due_at)} />
      )}
    </dl>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="value">{value}</dd>
    </>
  );
}

function Payment({ payment }: { readonly payment: PaymentLine }) {
  const say = useSay();
  const at = payment.success_time === undefined ? '' : ` · ${momentText(payment.success_time)}`;
  return (
    <>
      <Fact name={say('paid')} value={`${yuan(payment.payer_total ?? payment.total)}${at}`} />
      <Fact name={say('transactionId')} value={payment.transaction_id} />
      <Fact
        name={say('provenBy')}
        value={`${say.state(payment.source)} · ${say.state(payment.proof)}`}
      />
    </>
  );
}

function Refunds({ record }: { readonly record: ShownRecord }) {
  const say = useSay();
  const refunds = refundsOf(record);
  if (refunds.length === 0) return null;
  return (
    <>
      <Title order={2}>{say('refunds')}</Title>
      <Table.ScrollContainer minWidth={480} tabIndex={0} role="region" aria-label={say('refunds')}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{say('number')}</Table.Th>
              <Table.Th className="figure">{say('amount')}</Table.Th>
              <Table.Th>{say('state')}</Table.Th>
              <Table.Th>{say('reason')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {refunds.map((refund) => (
              <Table.Tr key={refund.out_refund_no}>
                <Table.Td className="number">{refund.out_refund_no}</Table.Td>
                <Table.Td className="figure">{yuan(refund.refund)}</Table.Td>
                <Table.Td>
                  <StateBadge state={refund.status} />
                </Table.Td>
                <Table.Td>{refund.reason}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}

function History({ lines }: { readonly lines: readonly HistoryLine[] }) {
  const say = useSay();
  return (
    <ol className="timeline">
      {lines.map((line, i) => (
        <li key={i}>
          <div className="what">
            {say.language === 'zh' ? line.what_zh : line.what_en}
            {line.detail === undefined ? null : <span className="soft"> {line.detail}</span>}
          </div>
          <div className="soft">
            <time dateTime={line.at}>{momentText(line.at)}</time> · {say.state(line.source)}
            {line.proof === 'none' ? '' : ` · ${say('provenBy')}: ${say.state(line.proof)}`}
          </div>
        </li>
      ))}
    </ol>
  );
}

function Effects({ record, again }: { readonly record: ShownRecord; readonly again: () => void }) {
  const say = useSay();
  const { key } = useSession();
  const [error, setError] = useState<unknown>();
  async function redeliver(effect_id: string): Promise<void> {
    const { kind, no } = record;
    setError(undefined);
    try {
      await call('wxpay_redeliver', { kind, no, effect_id }, key);
      again();
    } catch (thrown) {
      setError(thrown);
    }
  }
  if (record.effects.length === 0) return <p className="soft">{say('none')}</p>;
  return (
    <>
      <ErrorNote error={error} />
      <ul className="effects">
        {record.effects.map((effect) => (
          <Effect key={effect.id} effect={effect} onRedeliver={() => void redeliver(effect.id)} />
        ))}
      </ul>
    </>
  );
}

function Effect({
  effect,
  onRedeliver,
}: {
  readonly effect: EffectLine;
  readonly onRedeliver: () => void;
}) {
  const say = useSay();
  return (
    <li>
      <Group>
        <code>{effect.type}</code>
        <StateBadge state={effect.state} />
        <span className="soft">
          {momentText(effect.at)} {effectError(effect, say.language)}
        </span>
        {effect.state === 'pending' ? null : (
          <Button size="compact-sm" variant="default" onClick={onRedeliver}>
            {say('redeliver')}
          </Button>
        )}
      </Group>
    </li>
  );
}
