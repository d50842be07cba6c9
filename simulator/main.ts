import { parseArgs } from 'node:util';
import { createSimulator } from './index';
import type { CallbackMode, Scheme, Simulator } from './types';

export { createSimulator };

export const HELP = `node bin/pay-common simulator [options]
  模拟微信支付；启动后打印一行 JSON：{url, env}
  simulates WeChat Pay; prints one line of JSON: {url, env}
  --port N              端口，默认任一空闲端口   port (default: any free one)
  --seed N              密钥、单号与故障由它导出，默认 1   keys, numbers and faults derive from it (1)
  --scheme S            publicKey | certificate | both
  --mode M              direct | gateway：回调的发送方式   how callbacks are sent
  --callback-target U   回调发往此处，代替 notify_url 的域名   where callbacks go instead of notify_url's origin
  --now MS --frozen     起始时间；时钟静止   where the clock starts; it stands still
  --wire-clock W        simulator | real：签名所用的时间   the time signatures are dated with
`;

/** As `parseArgs` says it: the command line is wrong. */
const wrong = (message: string): Error =>
  Object.assign(new Error(message), { code: 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' });

function oneOf<T extends string>(value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw wrong(`${value} is not one of ${allowed.join(', ')}`);
  return found;
}

function wholeNumber(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw wrong(`--${name} ${value} is not a whole number`);
  return Number(value);
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
  const nowMs = wholeNumber(values.now, 'now');
  const simulator = await createSimulator({
    port: wholeNumber(values.port, 'port') ?? 0,
    seed: wholeNumber(values.seed, 'seed') ?? 1,
    ...(scheme === undefined ? {} : { scheme }),
    ...(mode === undefined ? {} : { mode }),
    ...(target === undefined ? {} : { callbackTarget: target }),
    ...(nowMs === undefined ? {} : { nowMs }),
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
