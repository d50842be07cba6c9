import { Alert } from '@mantine/core';
import { ApiError } from '../api';
import { useSay } from '../session';

/** What went wrong, in the service's own words: they say in both languages what to do. */
export function ErrorNote({ error }: { readonly error: unknown }) {
  const say = useSay();
  if (error === undefined) return null;
  const known = error instanceof ApiError ? error : undefined;
  const title = known?.code === 'NETWORK' ? say('network') : (known?.code ?? say('failed'));
  return (
    <Alert color="red" variant="outline" title={title} role="alert">
      {error instanceof Error ? error.message : ''}
      {known?.requestId ? <div className="soft">requestId {known.requestId}</div> : null}
    </Alert>
  );
}
