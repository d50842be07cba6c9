/** What a command may use of its process: passed in, so that tests can pass in their own. */
import type { assemble, listenOn, shutDown } from '../bin/server';
import type { createSimulator } from '../simulator';
import type { Clock } from '../utils/clock';

export type Env = Readonly<Record<string, string | undefined>>;

export interface Io {
  readonly env: Env;
  /** Relative file names start here. */
  readonly cwd: string;
  /** Where the program lies: dist/ when it is built. */
  readonly folder: string;
  readonly version: string;
  readonly clock: Clock;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard error is a terminal. */
  readonly terminal: boolean;
  readonly load: Parts;
  /** Ends a command that runs until it is stopped, as Ctrl+C does. */
  readonly stop?: AbortSignal;
}

/** Loads the service, its stores or the simulator: only when a command needs it. */
export interface Parts {
  readonly server: () => Promise<{
    readonly assemble: typeof assemble;
    readonly listenOn: typeof listenOn;
    readonly shutDown: typeof shutDown;
  }>;
  readonly doctor: () => Promise<{ readonly doctor: Command }>;
  readonly migrate: () => Promise<{ readonly migrate: Command }>;
  readonly simulator: () => Promise<{
    readonly HELP: string;
    readonly run: (argv: readonly string[]) => Promise<unknown>;
    readonly createSimulator: typeof createSimulator;
  }>;
  readonly dev: () => Promise<{ readonly dev: Command }>;
}

/** 0: fine. 1: findings, or it failed. 2: the command was not understood. */
export type ExitCode = 0 | 1 | 2;

export type Command = (argv: readonly string[], io: Io) => Promise<ExitCode>;

/** The command line is wrong. */
export class UsageError extends Error {}

/** It could not be done; the message says why, in Chinese and English. */
export class CommandError extends Error {}
