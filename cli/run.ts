import { COMMAND_HELP, HELP } from './help';
import { CommandError, UsageError, type Command, type ExitCode, type Io } from './io';
import { replay, trigger } from './simulate';
import { reconcile } from './reconcile';
import { records } from './records';
import { sweep } from './sweep';

const COMMANDS: Readonly<Record<string, Command>> = {
  doctor: async (argv, io) => (await io.load.doctor()).doctor(argv, io),
  migrate: async (argv, io) => (await io.load.migrate()).migrate(argv, io),
  dev: async (argv, io) => (await io.load.dev()).dev(argv, io),
  simulator: async (argv, io) => {
    await (await io.load.simulator()).run(argv);
    return 0;
  },
  sweep,
  reconcile,
  records,
  trigger,
  replay,
};

const asksForHelp = (argv: readonly string[]): boolean =>
  argv.includes('--help') || argv.includes('-h');

/** The simulator is a program of its own, and knows its options itself. */
async function helpOf(name: string, io: Io): Promise<string> {
  if (name === 'simulator') return (await io.load.simulator()).HELP;
  return Object.hasOwn(COMMAND_HELP, name) ? (COMMAND_HELP[name] ?? HELP) : HELP;
}

/** One command line, from its words to its exit code. Nothing is thrown but bugs. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const [name = 'help', ...rest] = argv;
  if (name === '--version' || name === '-v') {
    io.out(`${io.version}\n`);
    return 0;
  }
  if (name === 'help' || name === '--help' || name === '-h') {
    io.out(await helpOf(rest[0] ?? '', io));
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    io.err(`没有此命令 no such command: ${name}\n\n${HELP}`);
    return 2;
  }
  if (asksForHelp(rest)) {
    io.out(await helpOf(name, io));
    return 0;
  }
  try {
    return await command(rest, io);
  } catch (error) {
    return failed(error, name, io);
  }
}

function failed(error: unknown, name: string, io: Io): ExitCode {
  if (error instanceof UsageError) {
    io.err(`${error.message}\n\n${COMMAND_HELP[name] ?? HELP}`);
    return 2;
  }
  if (error instanceof CommandError) {
    io.err(`${error.message}\n`);
    return 1;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS')) {
    io.err(`${message}\n`);
    return 2;
  }
  // A connection that fails says so in one line; a bug shows where it is.
  if (typeof code === 'string' && /^[A-Z]/.test(code)) io.err(`${code}: ${message}\n`);
  else io.err(`${error instanceof Error ? (error.stack ?? message) : String(error)}\n`);
  return 1;
}
