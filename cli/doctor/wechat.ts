/**
 * `--live`: one harmless signed call, a question about a number that cannot exist, and what WeChat's
 * answer says about keys, clock and network. It goes out by the service's own way of signing, on a
 * connection of its own, because here the raw answer is what is looked at.
 */
import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/types';
import { createHttpClient, type Exchange, type HttpReply } from '../../services/strategies/http';
import { readJsonObject, textOf, type JsonObject } from '../../services/strategies/readJsonObject';
import { createOutbound, type Outbound } from '../../services/strategies/outbound';
import { isProbe } from '../../services/strategies/signature';
import { createDialect } from '../../services/wechat';
import type { Account } from '../../services/wechat/dialect';
import { invariant } from '../../utils/invariant';
import type { Clock } from '../../utils/clock';
import { silentLogger, type LogFields, type Logger } from '../../utils/logger';
import { clockFindings, isClockOff } from './clock';
import { found, type Finding } from './findings';
import {
  networkFinding,
  refusalFinding,
  relationFinding,
  unprovenFinding,
  withoutCertificates,
} from './wechatAnswers';

const TIMEOUT_MS = 5_000;
const ATTEMPTS_MAX = 2;
const KEY_WAIT_MS = 2_000;
/** WeChat sends wrong signatures on purpose now and then: the next answer is right. */
const PROBES_MAX = 3;

export interface LiveDeps {
  readonly config: Config;
  readonly clock: Clock;
}

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  /** Names a key of WeChat's; default: the public key that is set, if one is. */
  readonly serial?: string;
}

/** One way to WeChat, for all that is asked of it in one run. */
export interface Line {
  readonly outbound: Outbound;
  send(asked: Asked): Promise<Exchange>;
  /** Sends, and again where WeChat only tested whether we look at its signature. */
  prove(asked: Asked): Promise<Proof>;
  close(): void;
}

export type Proof =
  { readonly reply: HttpReply; readonly verdict: Verdict } | { readonly fault: Finding };
export type Verdict = Awaited<ReturnType<Outbound['verifier']['verify']>>;

export function openLine({ config, clock }: LiveDeps, logger: Logger): Line {
  const { v3 } = config.credentials;
  invariant(v3 !== undefined, 'API v3 is only asked with its credentials');
  const outbound = createOutbound({ config, clock, logger }, v3);
  const http = createHttpClient();

  async function send({ method, path, body = '', serial: named }: Asked): Promise<Exchange> {
    const bytes = Buffer.from(body);
    const serial = named ?? outbound.ring.requestSerial;
    let exchange: Exchange | undefined;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      exchange = await http.exchange({
        origin: config.wxPayBaseUrl,
        method,
        path,
        headers: {
          Authorization: await outbound.signer.authorize({ method, path, body }),
          Accept: 'application/json',
          'User-Agent': 'pay-common-doctor/1',
          ...(method === 'POST' ? { 'Content-Length': String(bytes.length) } : {}),
          ...(bytes.length === 0 ? {} : { 'Content-Type': 'application/json' }),
          ...(serial === undefined ? {} : { 'Wechatpay-Serial': serial }),
        },
        body: bytes,
        timeoutMs: TIMEOUT_MS,
        fresh: true,
      });
      if ('reply' in exchange) break;
    }
    return exchange as Exchange;
  }

  return {
    outbound,
    send,
    async prove(asked) {
      for (let probes = 0; ; probes += 1) {
        const exchange = await send(asked);
        if ('fault' in exchange) return { fault: networkFinding(exchange.fault, config) };
        const { reply } = exchange;
        if (isProbe(reply.headers) && probes < PROBES_MAX) continue;
        const { headers, raw } = reply;
        const verdict = await outbound.verifier.verify({ headers, raw, waitMs: KEY_WAIT_MS });
        return { reply, verdict };
      }
    },
    close() {
      http.close();
      outbound.close();
    },
  };
}

export const bodyOf = (reply: HttpReply): JsonObject => readJsonObject(reply.raw) ?? {};
export const codeOf = (reply: HttpReply): string => textOf(bodyOf(reply), 'code') ?? '';

/** undefined `line`: what was found makes all further questions useless. */
export interface Live {
  readonly findings: readonly Finding[];
  readonly line: Line | undefined;
}

/** The first call, and the keys to check answers with. The caller closes the line. */
export async function callWechat(deps: LiveDeps): Promise<Live> {
  const events: { fields: LogFields; event: string }[] = [];
  const note = (fields: LogFields, event: string): void => void events.push({ fields, event });
  const line = openLine(deps, { ...silentLogger, error: note, warn: note, info: note });
  const stop = (...findings: Finding[]): Live => {
    line.close();
    return { findings, line: undefined };
  };
  const no = `DOCTOR${randomBytes(10).toString('hex')}`;
  const dialect = createDialect(deps.config);
  const questions = dialect.accounts.map((account) => ({
    account,
    // Asked in API v3, in whatever version the merchant orders.
    path: dialect.queryOrder({ ...account, api: 'v3', no }).path,
  }));
  const [first, ...others] = questions;
  invariant(first !== undefined, 'there is an account to ask about');
  const exchange = await line.send({ method: 'GET', path: first.path });
  if ('fault' in exchange) return stop(networkFinding(exchange.fault, deps.config));
  const { reply } = exchange;
  const clock = clockFindings(reply.headers.date, deps.clock.now());
  // Everything after it fails for this one reason: it is named alone.
  if (isClockOff(clock)) return stop(...clock);
  const relation = relationFinding(reply, first.account.sub_mchid);
  if (relation?.code === 'partner.is_provider') return stop(...clock, relation);
  const refusal = relation === undefined ? refusalFinding(reply) : undefined;
  if (refusal !== undefined) return stop(...clock, refusal);
  const shops = [relation, ...(await relationsOf(line, others))].filter((one) => one !== undefined);
  const accepted = found('wechat.accepted');
  await line.outbound.ring.start();
  if (line.outbound.ring.serials().length > 0)
    return { findings: [...clock, accepted, ...shops], line };
  const last = events.find(({ event }) => event === 'platform certificates not loaded');
  return stop(...clock, accepted, ...shops, withoutCertificates(last?.fields ?? {}));
}

/** How the other shops of a service provider stand to it. */
async function relationsOf(
  line: Line,
  questions: readonly { readonly account: Account; readonly path: string }[],
): Promise<readonly (Finding | undefined)[]> {
  const findings: (Finding | undefined)[] = [];
  for (const { account, path } of questions) {
    const exchange = await line.send({ method: 'GET', path });
    if ('reply' in exchange) findings.push(relationFinding(exchange.reply, account.sub_mchid));
  }
  return findings;
}

/** Where the self-test is not offered: the bill of some day is the other answer that comes signed. */
export async function proveByBill(line: Line, day: string): Promise<Finding> {
  const path = `/v3/bill/tradebill?bill_date=${day}&bill_type=ALL`;
  const proof = await line.prove({ method: 'GET', path });
  if ('fault' in proof) return proof.fault;
  if (proof.reply.status !== 200) return found('wechat.unproven_yet');
  return proofFinding(proof.verdict);
}

export const proofFinding = (verdict: Verdict): Finding =>
  verdict === 'proven' ? found('wechat.proven') : unprovenFinding(verdict);
