/**
 * WeChat's self-test of keys, `/v3/security/echo`: an answer that is signed, a secret there and back,
 * and, where a public URL leads here, a callback. Not every merchant is offered it; that is no fault.
 */
import { constants, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../../config/types';
import { textOf } from '../../services/strategies/readJsonObject';
import { createDialect } from '../../services/wechat';
import { createStrategy } from '../../services/strategies';
import type { PayStrategy } from '../../services/strategies/strategy';
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { beijingDay, DAY_MS } from '../../utils/time';
import { found, type Finding } from './findings';
import { bodyOf, codeOf, proofFinding, proveByBill, type Line, type Proof } from './wechat';

const PATH = '/v3/security/echo';
const BODY_BYTES_MAX = 64 * 1024;
const OPEN_MS = 4_000;
const TWO_DAYS_MS = 2 * DAY_MS;
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' } as const;

export interface EchoOptions {
  /** Public https URL that leads to `port` of this machine; undefined = no callback is asked for. */
  readonly url: string | undefined;
  readonly port: number;
  readonly waitMs: number;
}

export interface EchoDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly line: Line;
}

/** The call must name a key of WeChat's, and what is encrypted must be so with that one. */
async function ask({ line }: EchoDeps, fields: Readonly<Record<string, string>>): Promise<Proof> {
  const { serial } = await line.outbound.ring.forEncryption();
  return line.prove({ method: 'POST', path: PATH, body: JSON.stringify(fields), serial });
}

const message = (): string => `doctor${randomBytes(8).toString('hex')}`;

export async function checkEcho(deps: EchoDeps, options: EchoOptions): Promise<Finding[]> {
  const { line, clock } = deps;
  const proof = await ask(deps, { echo_message: message() });
  if ('fault' in proof) return [proof.fault];
  const { status } = proof.reply;
  if (status < 200 || status >= 300) {
    const not = found('echo.not_offered', { params: { status, code: codeOf(proof.reply) } });
    return [not, await proveByBill(line, beijingDay(clock.now() - TWO_DAYS_MS))];
  }
  const proven = proofFinding(proof.verdict);
  if (proof.verdict !== 'proven') return [proven];
  return [proven, await secret(deps), await callback(deps, options)];
}

/** Encrypted with WeChat's key there, with ours back: both pairs are used as sensitive fields use them. */
async function secret(deps: EchoDeps): Promise<Finding> {
  const { config, line } = deps;
  const text = message();
  const { key } = await line.outbound.ring.forEncryption();
  const encrypted = publicEncrypt({ key, ...OAEP }, Buffer.from(text)).toString('base64');
  const proof = await ask(deps, { echo_message: text, encrypted_echo_message: encrypted });
  if ('fault' in proof) return proof.fault;
  const returned = textOf(bodyOf(proof.reply), 'encrypted_echo_message');
  const opened = returned === undefined ? undefined : decrypt(config, returned);
  if (opened === text) return found('echo.encryption');
  const { status } = proof.reply;
  return found('echo.encryption_failed', { params: { status, code: codeOf(proof.reply) } });
}

function decrypt(config: Config, text: string): string | undefined {
  try {
    const key = config.credentials.v3?.privateKey ?? '';
    return privateDecrypt({ key, ...OAEP }, Buffer.from(text, 'base64')).toString('utf8');
  } catch {
    return undefined;
  }
}

async function callback(deps: EchoDeps, options: EchoOptions): Promise<Finding> {
  if (options.url === undefined) return found('echo.callback_not_asked');
  const strategy = createStrategy({
    ...deps,
    dialect: createDialect(deps.config),
    logger: silentLogger,
  });
  const inbox = openInbox(strategy, deps.clock);
  try {
    const failure = await inbox.listen(options.port);
    if (failure !== undefined) return failure;
    await strategy.start();
    const proof = await ask(deps, { echo_message: message(), notify_url: options.url });
    if ('fault' in proof) return proof.fault;
    if (proof.reply.status !== 200) {
      return found('echo.url_refused', { params: { code: codeOf(proof.reply) } });
    }
    return await inbox.first(options.waitMs);
  } finally {
    await inbox.close();
    await strategy.close();
  }
}

function unopened(error: unknown): Finding {
  if (!(error instanceof AppError)) throw error;
  if (error.detail?.includes('apiV3Key') === true) return found('apiV3Key.wrong');
  return unproven(error.detail ?? error.code);
}

const unproven = (detail: string): Finding => found('callback.unproven', { params: { detail } });

interface Inbox {
  listen(port: number): Promise<Finding | undefined>;
  /** What became of the first callback. */
  first(waitMs: number): Promise<Finding>;
  close(): Promise<void>;
}

async function read(req: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function openInbox(strategy: PayStrategy, clock: Clock): Inbox {
  let settle: (finding: Finding) => void = () => undefined;
  const arrived = new Promise<Finding>((resolve) => (settle = resolve));

  async function judge(req: IncomingMessage): Promise<Finding> {
    const raw = await read(req);
    if (raw === undefined) return found('callback.missing');
    try {
      const { headers } = req;
      const deadline = clock.now() + OPEN_MS;
      const opened = await strategy.openNotification({ headers, raw, expected: 'echo', deadline });
      if (!opened.proven) return unproven('headers_missing');
      return found('callback.proven');
    } catch (error) {
      return unopened(error);
    }
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const finding = await judge(req);
    const good = finding.severity === 'ok';
    res.writeHead(good ? 200 : 401, { 'content-type': 'application/json', connection: 'close' });
    res.end(JSON.stringify({ code: good ? 'SUCCESS' : 'FAIL', message: good ? '成功' : '失败' }));
    settle(finding);
  }

  const server = createServer((req, res) => {
    answer(req, res).then(undefined, () => res.destroy());
  });
  return { listen: (port) => listen(server, port), first, close: () => close(server) };

  async function first(waitMs: number): Promise<Finding> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Finding>((resolve) => {
      timer = setTimeout(() => {
        resolve(found('callback.missing'));
      }, waitMs);
    });
    const finding = await Promise.race([arrived, late]);
    clearTimeout(timer);
    return finding;
  }
}

function listen(server: Server, port: number): Promise<Finding | undefined> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(found('echo.port_taken', { params: { port, code: error.code ?? '' } }));
    });
    server.listen(port, () => {
      resolve(undefined);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
