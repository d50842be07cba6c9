/** A store with something in front of it: down, slow, or watched. What it lets through is the real store's. */
import type { RecordStore } from '../../services/stores/orderStore';

type Method = {
  [K in keyof RecordStore]: RecordStore[K] extends (...args: never[]) => unknown ? K : never;
}[keyof RecordStore];

/** Called instead of a store's method; `run` does what the method does. */
export type Around = (method: Method, args: readonly unknown[], run: () => unknown) => unknown;

export function aroundStore(inner: RecordStore, around: Around): RecordStore {
  return new Proxy(inner, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        around(name as Method, args, () => Reflect.apply(value, target, args) as unknown);
    },
  });
}

export interface Gate {
  /** Resolves once somebody stands before the gate. */
  readonly reached: Promise<void>;
  open(): void;
  /** Waits until the gate is open. */
  pass(): Promise<void>;
}

export function createGate(): Gate {
  let arrive = (): void => undefined;
  let open = (): void => undefined;
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    reached,
    open: () => {
      open();
    },
    pass() {
      arrive();
      return opened;
    },
  };
}
