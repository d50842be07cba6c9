import { useSay } from '../session';

const GOOD = new Set(['PAID', 'SUCCESS', 'delivered']);
const BAD = new Set(['MISMATCH', 'ABNORMAL', 'FAIL', 'REJECTED', 'dead', 'damaged']);
const UNDER_WAY = new Set([
  'PENDING',
  'CREATED',
  'REFUNDING',
  'REVERSING',
  'REQUESTED',
  'PROCESSING',
  'ACCEPTED',
  'WAIT_USER_CONFIRM',
  'TRANSFERING',
  'CANCELING',
  'pending',
]);

function toneOf(state: string): string {
  if (GOOD.has(state)) return 'good';
  if (BAD.has(state)) return 'bad';
  return UNDER_WAY.has(state) ? 'open' : 'plain';
}

/** A state in words, with its name as the documents and the API spell it. */
export function StateBadge({ state }: { readonly state: string }) {
  const say = useSay();
  return (
    <span className={`state ${toneOf(state)}`} title={state} data-state={state}>
      {say.state(state)}
    </span>
  );
}
