import { Loader, Title } from '@mantine/core';
import { health, type Health as HealthAnswer } from '../api';
import { momentText } from '../format';
import { ErrorNote } from '../parts/ErrorNote';
import { RecordsTable } from '../parts/RecordsTable';
import { page, type ShownRecord } from '../records';
import { useSay, useSession } from '../session';
import { useLoad } from '../useLoad';

interface Loaded {
  readonly answer: HealthAnswer;
  readonly waiting: readonly ShownRecord[];
}

/** Whose end only a person can decide: money that does not fit, records that are not believed. */
async function load(key: string): Promise<Loaded> {
  const [answer, ...pages] = await Promise.all([
    health(key),
    page({ kind: 'order', state: 'MISMATCH' }, key),
    page({ kind: 'order', state: 'damaged' }, key),
    page({ kind: 'transfer', state: 'damaged' }, key),
  ]);
  return { answer, waiting: pages.flatMap(({ records }) => records) };
}

export function Health() {
  const say = useSay();
  const { key } = useSession();
  const { value, error } = useLoad(() => load(key), [key]);
  return (
    <>
      <Title order={1}>{say('health')}</Title>
      <ErrorNote error={error} />
      {value === undefined ? (
        error === undefined && <Loader aria-label={say('working')} />
      ) : (
        <Shown {...value} />
      )}
    </>
  );
}

function Shown({ answer, waiting }: Loaded) {
  const say = useSay();
  const present = Object.entries(answer.settings)
    .filter(([, there]) => there === true)
    .map(([name]) => name);
  const ageMs = answer.oldest_due_age_ms;
  return (
    <>
      <dl className="facts">
        <dt>{say('state')}</dt>
        <dd>{answer.status}</dd>
        <dt>{say('build')}</dt>
        <dd className="value">{answer.build}</dd>
        <dt>{say('store')}</dt>
        <dd>{answer.store ?? ''}</dd>
        <dt>{say('durable')}</dt>
        <dd>{say(answer.durable ? 'yes' : 'no')}</dd>
        <dt>{say('due')}</dt>
        <dd>{answer.due}</dd>
        {typeof ageMs === 'number' ? (
          <>
            <dt>{say('waiting')}</dt>
            <dd>{Math.round(ageMs / 1000)} s</dd>
          </>
        ) : null}
        <dt>{say('lastSweep')}</dt>
        <dd>{answer.last_sweep ? momentText(answer.last_sweep) : ''}</dd>
      </dl>
      <Title order={2}>{say('needsPerson')}</Title>
      {waiting.length === 0 ? <p>{say('nothingNeeded')}</p> : <RecordsTable records={waiting} />}
      <Lines title={say('warnings')} lines={answer.warnings ?? []} />
      <Lines
        title={say('faults')}
        lines={(answer.faults ?? []).map((one) => JSON.stringify(one))}
      />
      <Title order={2}>{say('settings')}</Title>
      <p>{present.join(' · ')}</p>
    </>
  );
}

function Lines({ title, lines }: { readonly title: string; readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <>
      <Title order={2}>{title}</Title>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </>
  );
}
