/** Who gets one of the few places in which WeChat is asked because of a hint. */
import {
  createHintPlaces,
  HINTS_AT_ONCE_MAX,
  HINTS_PER_PAYER_MAX,
  HINTS_WAITING_MAX,
  type HintAsker,
  type HintPlaces,
} from '../../services/notifications/hintPlaces';
import { handClock, type HandClock } from '../helpers/service';

const NOW = 1_000_000;

let clock: HandClock;
let places: HintPlaces;
let started: string[];
let outcomes: Map<string, string>;
let finish: Map<string, () => void>;

beforeEach(() => {
  clock = handClock(NOW);
  places = createHintPlaces({ clock });
  started = [];
  outcomes = new Map();
  finish = new Map();
});

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A hint that asks until it is told to end. */
function hint(name: string, asker: Partial<HintAsker> = {}): void {
  const whole = { share: name, lastAskedAt: undefined, latestStart: NOW + 1500, ...asker };
  const asking = places.run(whole, () => {
    started.push(name);
    return new Promise<void>((resolve) => finish.set(name, resolve));
  });
  asking.then(
    () => outcomes.set(name, 'done'),
    (error: unknown) => outcomes.set(name, (error as { code: string }).code),
  );
}

async function end(name: string): Promise<void> {
  await settled();
  finish.get(name)?.();
  await settled();
}

const many = (prefix: string, n: number): string[] =>
  Array.from({ length: n }, (_, i) => `${prefix}${String(i)}`);

test('one payer takes no more than his share, however many hints name his orders', async () => {
  for (const name of many('a', 20)) hint(name, { share: 'attacker' });
  hint('genuine');
  await settled();
  expect(started).toEqual([...many('a', HINTS_PER_PAYER_MAX), 'genuine']);
  await end('a0');
  expect(started.at(-1)).toBe('a2');
});

test('all together never have more places than there are', async () => {
  for (const name of many('p', 30)) hint(name);
  await settled();
  expect(started).toHaveLength(HINTS_AT_ONCE_MAX);
  for (const name of many('p', 30)) await end(name);
  expect(started).toHaveLength(30);
});

test('the record asked about the longest ago goes first; one never asked about before all of them', async () => {
  for (const name of many('p', HINTS_AT_ONCE_MAX)) hint(name);
  hint('lately', { lastAskedAt: NOW - 5000 });
  hint('long ago', { lastAskedAt: NOW - 90_000 });
  hint('never');
  for (const name of many('p', 3)) await end(name);
  expect(started.slice(HINTS_AT_ONCE_MAX)).toEqual(['never', 'long ago', 'lately']);
});

test('anyone who waits past the time to ask is refused with OVERLOADED, which is a 503', async () => {
  for (const name of many('p', HINTS_AT_ONCE_MAX)) hint(name);
  hint('late');
  clock.advance(1501);
  await end('p0');
  expect(started).not.toContain('late');
  expect(outcomes.get('late')).toBe('OVERLOADED');
  for (const name of many('q', 1)) hint(name);
  hint('too late already', { latestStart: NOW });
  await settled();
  expect(outcomes.get('too late already')).toBe('OVERLOADED');
});

test('the waiting room is bounded; a newcomer that was never asked about pushes the least entitled out', async () => {
  for (const name of many('p', HINTS_AT_ONCE_MAX)) hint(name);
  for (const name of many('w', HINTS_WAITING_MAX)) hint(name, { lastAskedAt: NOW - 6000 });
  hint('genuine');
  await settled();
  expect(outcomes.get(`w${String(HINTS_WAITING_MAX - 1)}`)).toBe('OVERLOADED');
  await end('p0');
  expect(started.at(-1)).toBe('genuine');
});

test('a failed question gives its place back', async () => {
  for (let n = 0; n < 3 * HINTS_AT_ONCE_MAX; n++) {
    const asker = { share: 's', lastAskedAt: undefined, latestStart: NOW };
    const asked = places.run(asker, () => Promise.reject(new Error('WeChat is away')));
    await expect(asked).rejects.toThrow('WeChat is away');
  }
});
