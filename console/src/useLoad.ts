/** Loads something, and again when `deps` change; what comes late for an older question is dropped. */
import { useEffect, useState } from 'react';

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: unknown;
  readonly loading: boolean;
  readonly again: () => void;
}

export function useLoad<T>(load: () => Promise<T>, deps: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'again'>>({
    value: undefined,
    error: undefined,
    loading: true,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setState((before) => ({ ...before, loading: true }));
    load().then(
      (value) => {
        if (current) setState({ value, error: undefined, loading: false });
      },
      (error: unknown) => {
        if (current) setState((before) => ({ ...before, error, loading: false }));
      },
    );
    return () => {
      current = false;
    };
  }, [...deps, round]);
  return {
    ...state,
    again: () => {
      setRound((before) => before + 1);
    },
  };
}
