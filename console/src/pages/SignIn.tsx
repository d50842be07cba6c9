import { Button, PasswordInput, Stack, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { ApiError, call } from '../api';
import { ErrorNote } from '../parts/ErrorNote';
import { useSay } from '../session';

/** A key is right when the service answers it: it is tried on one page of the list. */
export function SignIn({ onKey }: { readonly onKey: (key: string) => void }) {
  const say = useSay();
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<unknown>();
  const [trying, setTrying] = useState(false);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const key = typed.trim();
    if (key === '') return;
    setTrying(true);
    setError(undefined);
    try {
      await call('wxpay_records', { limit: 1 }, key);
      onKey(key);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setTrying(false);
    }
  }

  const isWrong = error instanceof ApiError && error.status === 401;
  return (
    <main className="sign-in" id="content">
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="md">
          <Title order={1}>pay-common</Title>
          <PasswordInput
            label={say('operatorKey')}
            description={say('keyHint')}
            value={typed}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
            }}
            error={isWrong ? say('keyWrong') : undefined}
            autoComplete="off"
            autoFocus
            visibilityToggleButtonProps={{ 'aria-label': say('operatorKey') }}
          />
          {isWrong ? null : <ErrorNote error={error} />}
          <Button type="submit" loading={trying}>
            {say('signIn')}
          </Button>
        </Stack>
      </form>
    </main>
  );
}
