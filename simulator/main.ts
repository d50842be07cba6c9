import { parseArgs } from 'node:util';
import { createSimulator } from './index';
import type { CallbackMode, Scheme, Simulator } from './types';

const HELP = `Stands in for WeChat Pay. Prints one line of JSON: {url, env}.
  --port N              port (default: any free one)
  --seed N              keys, numbers and faults derive from it (default 1)
  --scheme S            publicKey | certificate | both
  --mode M              direct | gateway: how callbacks are sent
  --callback-target U   where callbacks go instead of notify_url's origin
  --now MS --frozen     where the clock starts, and whether it stands still
  --wire-clock W        simulator | real: the time signatures are dated with
`;

function oneOf<T extends string>(value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new Error(`${value} is none of ${allowed.join(', ')}`);
  return found;
}

/** Starts the simulator from a command line; it runs until closed or interrupted. */
export async function run(argv: readonly string[]): Promise<Simulator | undefined> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string' },
      seed: { type: 'string' },
      scheme: { type: 'string' },
      mode: { type: 'string' },
      'callback-target': { type: 'string' },
      now: { type: 'string' },
      frozen: { type: 'boolean' },
      'wire-clock': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const scheme = oneOf<Scheme>(values.scheme, ['publicKey', 'certificate', 'both']);
  const mode = oneOf<CallbackMode>(values.mode, ['direct', 'gateway']);
  const wireClock = oneOf(values['wire-clock'], ['simulator', 'real'] as const);
  const target = values['callback-target'];
  const simulator = await createSimulator({
    port: Number(values.port ?? 0),
    seed: Number(values.seed ?? 1),
    ...(scheme === undefined ? {} : { scheme }),
    ...(mode === undefined ? {} : { mode }),
    ...(target === undefined ? {} : { callbackTarget: target }),
    ...(values.now === undefined ? {} : { nowMs: Number(values.now) }),
    frozen: values.frozen ?? false,
    ...(wireClock === undefined ? {} : { switches: { wireClock } }),
  });
  process.stdout.write(`${JSON.stringify({ url: simulator.url, env: simulator.env() })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close());
  }
  return simulator;
}

if (require.main === module) {
  void run(process.argv.slice(2)).then(undefined, (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
