import { Button, Checkbox, Group, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { call, type Done } from '../api';
import { fenFromYuan, yuan } from '../format';
import { paidFen, refundableFen, refundsOf, type RefundLine, type ShownRecord } from '../records';
import { useSay, useSession } from '../session';
import { ErrorNote } from './ErrorNote';
import { MoneyDialog, type MoneyMove } from './MoneyDialog';
import { newNumber } from './newNumber';

const OPEN = new Set(['PREPARED', 'CREATED', 'PENDING']);
const WAITING = new Set(['ACCEPTED', 'PROCESSING', 'WAIT_USER_CONFIRM']);
const REASON_MAX = 80;

interface Doing {
  readonly record: ShownRecord;
  readonly onDone: () => void;
}

/** What may be done with a record now. What the service refuses, it says itself. */
export function Actions({ record, onDone }: Doing) {
  const { kind, state } = record;
  return (
    <Stack gap="sm" className="actions">
      {kind === 'order' ? <Ask record={record} onDone={onDone} /> : null}
      {kind === 'order' && refundableFen(record) > 0 ? (
        <Refund record={record} onDone={onDone} />
      ) : null}
      {refundsOf(record)
        .filter(({ status }) => status === 'ABNORMAL')
        .map((refund) => (
          <Abnormal key={refund.out_refund_no} refund={refund} onDone={onDone} />
        ))}
      {kind === 'transfer' && WAITING.has(state) ? (
        <CancelTransfer record={record} onDone={onDone} />
      ) : null}
    </Stack>
  );
}

/** Sends one action and says how it ended. */
function useAction(onDone: () => void) {
  const say = useSay();
  const { key } = useSession();
  const [said, setSaid] = useState('');
  const [error, setError] = useState<unknown>();
  const tell = ({ status }: Done<unknown>): void => {
    setSaid(say(status === 202 ? 'unknownYet' : 'done'));
    onDone();
  };
  return {
    said,
    error,
    tell,
    run: async (ask: (key: string) => Promise<Done<unknown>>): Promise<void> => {
      setError(undefined);
      setSaid('');
      try {
        tell(await ask(key));
      } catch (thrown) {
        setError(thrown);
      }
    },
  };
}

function Said({ said, error }: { readonly said: string; readonly error: unknown }) {
  return (
    <>
      <span role="status">{said}</span>
      <ErrorNote error={error} />
    </>
  );
}

function Ask({ record, onDone }: Doing) {
  const say = useSay();
  const { run, said, error } = useAction(onDone);
  const out_trade_no = record.no;
  return (
    <Group>
      <Button
        variant="default"
        onClick={() =>
          void run((key) => call('wxpay_query_order_by_out_trade_no', { out_trade_no }, key))
        }
      >
        {say('query')}
      </Button>
      {OPEN.has(record.state) ? (
        <Button
          variant="default"
          onClick={() => void run((key) => call('wxpay_close_order', { out_trade_no }, key))}
        >
          {say('close')}
        </Button>
      ) : null}
      <Said said={said} error={error} />
    </Group>
  );
}

function Refund({ record, onDone }: Doing) {
  const say = useSay();
  const { tell, said, error } = useAction(onDone);
  const [amount, setAmount] = useState('');
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const [move, setMove] = useState<MoneyMove>();
  const [out_refund_no, setNumber] = useState(() => newNumber('R'));
  const left = refundableFen(record);
  const fen = fenFromYuan(amount);
  const fits = fen !== undefined && fen <= left;

  function begin(): void {
    setTried(true);
    if (!fits) return;
    const body = {
      out_trade_no: record.no,
      // One number for one intention: sent again after a timeout, it refunds once.
      out_refund_no,
      ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
      amount: { refund: fen, total: paidFen(record) },
    };
    setMove({
      title: say('refund'),
      fen,
      send: async (key) => {
        const done = await call('wxpay_refund', body, key);
        tell(done);
        setAmount('');
        // Taken: the next refund is another one. Unknown: it may have to be sent again as it is.
        if (done.status === 200) setNumber(newNumber('R'));
      },
    });
  }

  return (
    <fieldset>
      <legend>
        {say('refund')} · {say('refundable')} {yuan(left)}
      </legend>
      <Group align="flex-end">
        <TextInput
          label={say('refundAmount')}
          value={amount}
          onChange={(event) => {
            setAmount(event.currentTarget.value);
          }}
          error={tried && !fits ? `≤ ${yuan(left)}` : undefined}
          inputMode="decimal"
          autoComplete="off"
        />
        <Button
          variant="default"
          onClick={() => {
            setAmount((left / 100).toFixed(2));
          }}
        >
          {say('refundAll')}
        </Button>
        <TextInput
          className="grow"
          label={say('reason')}
          value={reason}
          maxLength={REASON_MAX}
          onChange={(event) => {
            setReason(event.currentTarget.value);
          }}
          autoComplete="off"
        />
        <Button onClick={begin}>{say('refund')}</Button>
      </Group>
      <Said said={said} error={error} />
      {move === undefined ? null : (
        <MoneyDialog
          move={move}
          onClose={() => {
            setMove(undefined);
          }}
        />
      )}
    </fieldset>
  );
}

function Abnormal({
  refund,
  onDone,
}: {
  readonly refund: RefundLine;
  readonly onDone: () => void;
}) {
  const say = useSay();
  const { tell, said, error } = useAction(onDone);
  const [sure, setSure] = useState(false);
  const [move, setMove] = useState<MoneyMove>();
  const { out_refund_no } = refund;
  const body = { out_refund_no, type: 'MERCHANT_BANK_CARD' as const };
  return (
    <fieldset>
      <legend>
        {say('abnormal')} {out_refund_no}
      </legend>
      <p className="soft">{say('abnormalHint')}</p>
      <Group>
        <Checkbox
          label={say('toMerchant')}
          checked={sure}
          onChange={(event) => {
            setSure(event.currentTarget.checked);
          }}
        />
        <Button
          disabled={!sure}
          onClick={() => {
            setMove({
              title: say('abnormal'),
              fen: refund.refund,
              send: async (key) => {
                tell(await call('wxpay_refund_abnormal', body, key));
              },
            });
          }}
        >
          {say('abnormal')}
        </Button>
      </Group>
      <Said said={said} error={error} />
      {move === undefined ? null : (
        <MoneyDialog
          move={move}
          onClose={() => {
            setMove(undefined);
          }}
        />
      )}
    </fieldset>
  );
}

function CancelTransfer({ record, onDone }: Doing) {
  const say = useSay();
  const { run, said, error } = useAction(onDone);
  return (
    <Group>
      <Button
        variant="default"
        onClick={() =>
          void run((key) => call('wxpay_transfer_cancel', { out_bill_no: record.no }, key))
        }
      >
        {say('cancelTransfer')}
      </Button>
      <Said said={said} error={error} />
    </Group>
  );
}
