import { Button, NativeSelect, Stack, TextInput, Title } from '@mantine/core';
import { useEffect, useState, type SyntheticEvent } from 'react';
import { Link } from 'wouter';
import { call } from '../api';
import { fenFromYuan } from '../format';
import { ErrorNote } from '../parts/ErrorNote';
import { newNumber } from '../parts/newNumber';
import { QrCode } from '../parts/QrCode';
import { recordPath } from '../parts/RecordsTable';
import { StateBadge } from '../parts/StateBadge';
import { YuanInput } from '../parts/YuanInput';
import { one } from '../records';
import { useSay, useSession } from '../session';

type Way = 'native' | 'prepare';

interface Made {
  readonly way: Way;
  readonly no: string;
  /** What the picture holds: WeChat's link, or the number for a Mini Program. */
  readonly code: string;
}

const LOOK_MS = 2000;

async function make(
  way: Way,
  order: { no: string; description: string; fen: number },
  key: string,
) {
  const { no, description, fen } = order;
  const body = { out_trade_no: no, description, amount: { total: fen } };
  if (way === 'prepare') {
    await call('wxpay_prepare_order', body, key);
    return { way, no, code: no };
  }
  const { data } = await call('wxpay_order_native', body, key);
  return { way, no, code: data.code_url };
}

export function Collect() {
  const say = useSay();
  const { key } = useSession();
  const [way, setWay] = useState<Way>('native');
  const [description, setDescription] = useState('');
  const [amount, setAmount] = useState('');
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<Made>();
  const [error, setError] = useState<unknown>();
  const fen = fenFromYuan(amount);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setTried(true);
    if (fen === undefined || description.trim() === '') return;
    setError(undefined);
    setMade(undefined);
    try {
      const order = { no: newNumber('C'), description: description.trim(), fen };
      setMade(await make(way, order, key));
    } catch (thrown) {
      setError(thrown);
    }
  }

  return (
    <>
      <Title order={1}>{say('collect')}</Title>
      <form onSubmit={(event) => void submit(event)} className="narrow">
        <Stack gap="md">
          <NativeSelect
            label={say('kind')}
            value={way}
            data={[
              { value: 'native', label: say('collectNative') },
              { value: 'prepare', label: say('collectPrepare') },
            ]}
            onChange={(event) => {
              setWay(event.currentTarget.value as Way);
            }}
          />
          <TextInput
            label={say('description')}
            value={description}
            required
            onChange={(event) => {
              setDescription(event.currentTarget.value);
            }}
          />
          <YuanInput value={amount} tried={tried} onChange={setAmount} />
          <Button type="submit">{say('show')}</Button>
        </Stack>
      </form>
      <ErrorNote error={error} />
      {made === undefined ? null : <Code made={made} />}
    </>
  );
}

function Code({ made }: { readonly made: Made }) {
  const say = useSay();
  const state = useLiveState(made.no);
  const label = say(made.way === 'native' ? 'scanToPay' : 'prepared');
  return (
    <section className="code" aria-live="polite">
      <QrCode text={made.code} label={label} />
      <p>{label}</p>
      <p>
        <Link href={recordPath({ kind: 'order', no: made.no })} className="number">
          {made.no}
        </Link>{' '}
        {state === undefined ? null : <StateBadge state={state} />}
      </p>
    </section>
  );
}

/** The state of an order as it changes, looked at again and again. */
function useLiveState(no: string): string | undefined {
  const { key } = useSession();
  const [state, setState] = useState<string>();
  useEffect(() => {
    let timer = 0;
    let current = true;
    const look = async (): Promise<void> => {
      const record = await one('order', no, key).catch(() => undefined);
      if (!current) return;
      if (record !== undefined) setState(record.state);
      timer = window.setTimeout(() => void look(), LOOK_MS);
    };
    void look();
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [no, key]);
  return state;
}
