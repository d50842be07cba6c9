/** Which service a stage runs: the one assembled in this process, or the built one (see `built.ts`). */
import type { OrderStore } from '../../../services/stores/orderStore';

export interface StartOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly nowMs: number;
  /** Where the token issuer really listens: its own name cannot lead to a test. */
  readonly issuerPort?: number;
}

export interface Started {
  readonly port: number;
  readonly logs: string[];
  /** The records, read beside the service. */
  store(): Promise<OrderStore>;
  setTime(ms: number): Promise<void>;
  /** Ends it as the platform does. @returns its exit code. */
  stop(): Promise<number | null>;
}

type Start = (options: StartOptions) => Promise<Started>;

let builtStart: Start | undefined;

export const runBuilt = (start: Start): void => {
  builtStart = start;
};
export const builtRunner = (): Start | undefined => builtStart;
