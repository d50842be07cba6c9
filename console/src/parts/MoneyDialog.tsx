import { Button, Group, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useEffect, useRef, useState, type SyntheticEvent } from 'react';
import { fenFromYuan, yuan } from '../format';
import { useSay, useSession } from '../session';
import { ErrorNote } from './ErrorNote';

export interface MoneyMove {
  readonly title: string;
  /** What leaves the account, in fen. */
  readonly fen: number;
  /** Sends it; the key is the one that was typed again. */
  readonly send: (key: string) => Promise<void>;
}

/** Money moves only after its amount and the key were typed a second time. */
export function MoneyDialog({
  move,
  onClose,
}: {
  readonly move: MoneyMove;
  readonly onClose: () => void;
}) {
  const say = useSay();
  const { key } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [amount, setAmount] = useState('');
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>();
  const amountFits = fenFromYuan(amount) === move.fen;
  const keyFits = typed === key;

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setTried(true);
    // One press, one request: a second one while it is under way must not send it twice.
    if (!amountFits || !keyFits || sending) return;
    setSending(true);
    setError(undefined);
    try {
      await move.send(typed);
      onClose();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setSending(false);
    }
  }

  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="money-title" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="md">
          <h2 id="money-title">
            {move.title} <span className="figure">{yuan(move.fen)}</span>
          </h2>
          <p>{say('confirmMoney')}</p>
          <TextInput
            label={say('typeAmount')}
            value={amount}
            onChange={(event) => {
              setAmount(event.currentTarget.value);
            }}
            error={tried && !amountFits ? say('amountDiffers') : undefined}
            inputMode="decimal"
            autoComplete="off"
            data-autofocus
          />
          <PasswordInput
            label={say('typeKey')}
            value={typed}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
            }}
            error={tried && !keyFits ? say('keyDiffers') : undefined}
            autoComplete="off"
            visibilityToggleButtonProps={{ 'aria-label': say('typeKey') }}
          />
          <ErrorNote error={error} />
          <Group justify="flex-end">
            <Button
              variant="default"
              type="button"
              onClick={() => {
                dialog.current?.close();
              }}
            >
              {say('cancel')}
            </Button>
            <Button type="submit" loading={sending}>
              {say('confirm')}
            </Button>
          </Group>
        </Stack>
      </form>
    </dialog>
  );
}
