/**
 * `node bin/pay-common dev`: a simulated WeChat Pay, this service and a page that plays the payer's phone, on fixed ports.
 * All share one clock. Records are kept in memory, as in the simulator: each start begins with none.
 */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { Simulator } from '../../simulator';
import { positionals, readArgs } from '../args';
import { CommandError, UsageError, type Command, type Env, type Io } from '../io';
import { readSettings } from '../settings';
import { guardEnvFile, keptKeys, writeEnvFile } from './envFile';
import { openPhone, type Effect } from './phone';

const PORT_MAX = 65_535;
const SWEEP_SECONDS = '2';
export const ENV_FILE = '.env.local';

interface Ports {
  readonly service: number;
  readonly simulator: number;
  readonly phone: number;
}

interface Options {
  readonly ports: Ports;
  readonly mode: 'sdk' | 'gateway';
  readonly host: string;
  /** Settings of a file, which win over what is made here. */
  readonly settings: Env;
}

export const dev: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    port: { type: 'string' },
    'sim-port': { type: 'string' },
    'phone-port': { type: 'string' },
    mode: { type: 'string' },
    host: { type: 'string' },
    env: { type: 'string' },
  });
  positionals(given, 0);
  const options: Options = {
    ports: {
      service: portOf(values.port, 3000),
      simulator: portOf(values['sim-port'], 8080),
      phone: portOf(values['phone-port'], 8081),
    },
    mode: modeOf(values.mode),
    host: values.host ?? '127.0.0.1',
    settings: values.env === undefined ? {} : readSettings({ ...io, env: {} }, values.env),
  };
  guardEnvFile(io.cwd, ENV_FILE);
  const running = await open(options, io);
  await stopped(io);
  await running.close();
  return 0;
};

function portOf(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= PORT_MAX) return port;
  throw new UsageError(`端口应为 0–${PORT_MAX} / a port is 0 to ${PORT_MAX}: ${text}`);
}

function modeOf(text: string | undefined): Options['mode'] {
  if (text === undefined || text === 'sdk') return 'sdk';
  if (text === 'gateway') return text;
  throw new UsageError('--mode sdk | gateway');
}

/** Opens all three; when one port is taken the others are closed again. */
async function open(options: Options, io: Io): Promise<{ close(): Promise<void> }> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.reverse()) await one();
  };
  try {
    const simulator = await openSimulator(options, io);
    opened.push(() => simulator.close());
    const phone = await openPhone({
      simulator,
      port: options.ports.phone,
      host: options.host,
      onEffect: (effect) => {
        io.out(effectLine(effect));
      },
    });
    opened.push(phone.close);
    const keys = keptKeys(io.cwd, ENV_FILE) ?? `${newKey()},read:${newKey()}`;
    const env = { ...settingsOf(simulator, phone.url, keys), ...options.settings };
    const service = await openService(env, options, { io, simulator });
    opened.push(service.close);
    simulator.callbackTarget = service.url;
    writeEnvFile(io.cwd, ENV_FILE, env);
    io.out(
      welcome({ service: service.url, phone: phone.url, simulator: simulator.url, keys, env }),
    );
  } catch (error) {
    await close();
    throw readable(error);
  }
  return { close };
}

async function openSimulator({ ports, mode, host }: Options, io: Io): Promise<Simulator> {
  const { createSimulator } = await io.load.simulator();
  return createSimulator({
    port: ports.simulator,
    host,
    mode: mode === 'sdk' ? 'direct' : 'gateway',
    switches: { magicAmounts: true, billReady: 'always' },
  });
}

function settingsOf(simulator: Simulator, phoneUrl: string, keys: string): Record<string, string> {
  return simulator.env({
    signMode: simulator.mode === 'direct' ? 'sdk' : 'gateway',
    operatorKeys: keys,
    // You play the platform here: examples send the header that CloudBase would add.
    trustWxHeaders: 'true',
    corsAllowOrigin: '*',
    databaseUrl: 'memory:',
    sweepSeconds: SWEEP_SECONDS,
    webhookUrl: `${phoneUrl}/effects`,
    webhookSecret: `whsec_${randomBytes(24).toString('base64')}`,
    logLevel: 'error',
  });
}

async function openService(
  env: Env,
  { ports, host }: Options,
  { io, simulator }: { io: Io; simulator: Simulator },
): Promise<{ url: string; close: () => Promise<void> }> {
  const { assemble, listenOn, shutDown } = await io.load.server();
  const clock = { now: () => simulator.clock.now() };
  const service = assemble({ ...env, PORT: String(ports.service) }, { clock });
  const server = await listenOn(service, host);
  await service.start();
  return { url: urlOf(server), close: () => shutDown(server, service) };
}

function urlOf(server: Server): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://127.0.0.1:${port}`;
}

const newKey = (): string => randomBytes(24).toString('hex');

/** A taken port is the usual fault, and the reader can solve it. */
function readable(error: unknown): unknown {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code !== 'EADDRINUSE') return error;
  return new CommandError(
    `端口 ${String(port)} 已被占用：换 --port、--sim-port 或 --phone-port / ` +
      `port ${String(port)} is in use: choose another with --port, --sim-port or --phone-port`,
  );
}

const effectLine = ({ type, subject, fen }: Effect): string =>
  `→ ${type}  ${subject}${fen === undefined ? '' : `  ¥${(fen / 100).toFixed(2)}`}\n`;

interface Welcome {
  readonly service: string;
  readonly phone: string;
  readonly simulator: string;
  readonly keys: string;
  readonly env: Env;
}

function welcome({ service, phone, simulator, keys, env }: Welcome): string {
  const [key = ''] = keys.split(',');
  const appid = String(env['appId']);
  return `pay-common dev · 本地联调，不联网，不动真钱 / local, offline, no real money

  服务 service            ${service}   ${service}/docs
  控制台 console          ${service}/console   用运营密钥登录 sign in with the operator key
  手机 phone              ${phone}   付款、丢回调、拨时钟 pays, loses callbacks, moves the clock
  模拟的微信支付 WeChat Pay  ${simulator}
  运营密钥 operator key    ${key}
  全部设置 settings        ${ENV_FILE}
  appId                   ${appid}

  下单 order: curl -s ${service}/wx-pay/wxpay_order -H 'content-type: application/json' \\
    -H 'x-wx-openid: oLocalPayer00000000000000001' \\
    -d '{"out_trade_no":"TEA00001","description":"Tea","amount":{"total":20}}'

  Ctrl+C 结束 ends · 事件 effects:
`;
}

/** Until Ctrl+C, or until a test says so. */
function stopped(io: Io): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
    io.stop?.addEventListener('abort', () => {
      resolve();
    });
  });
}
