/** A store that does not open: requests hear 503 within a bound, and it is used once it does open. */
import { createDeferredStore, OPEN_WAIT_MS } from '../../services/stores/deferredStore';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { MCHID } from '../helpers/ownStore';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function hanging() {
  let open: (store: RecordStore) => void = () => undefined;
  let opened = 0;
  const store = createDeferredStore({
    name: 'sqlite',
    durable: true,
    open: () => {
      opened++;
      return new Promise<RecordStore>((resolve) => (open = resolve));
    },
  });
  return { store, opens: () => opened, open: (s: RecordStore) => open(s) };
}

test('anyone who needs it hears STORE_UNAVAILABLE after the bound, and it is opened once', async () => {
  const { store, opens } = hanging();
  const asked = [store.find(MCHID, 'order', 'A'), store.ping(), store.due(MCHID, 0, 1)].map(
    (work) =>
      work.then(
        () => 'answered',
        (error: unknown) => (error as { code: string }).code,
      ),
  );
  await jest.advanceTimersByTimeAsync(OPEN_WAIT_MS);
  expect(await Promise.all(asked)).toEqual(Array(3).fill('STORE_UNAVAILABLE'));
  expect(store.opening()).toMatchObject({ opened: false, error: expect.any(String) });
  expect(opens()).toBe(1);
});

test('a start does not wait for it forever, and once it is open it serves', async () => {
  const { store, open } = hanging();
  const warm = store.warm();
  await jest.advanceTimersByTimeAsync(OPEN_WAIT_MS);
  expect(await warm).toBe(false);
  open(createMemoryOrderStore());
  await jest.advanceTimersByTimeAsync(0);
  expect(await store.find(MCHID, 'order', 'A')).toBeUndefined();
  expect(store.opening()).toEqual({ opened: true });
  await store.close();
});

test('closing does not wait for it forever, and what opens in time is closed', async () => {
  const never = hanging();
  void never.store.warm();
  const closing = never.store.close();
  await jest.advanceTimersByTimeAsync(OPEN_WAIT_MS);
  await closing;
  const late = hanging();
  void late.store.warm();
  const end = late.store.close();
  const inner = createMemoryOrderStore();
  const close = jest.spyOn(inner, 'close');
  late.open(inner);
  await end;
  expect(close).toHaveBeenCalledTimes(1);
});
