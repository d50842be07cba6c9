/**
 * One harness: a simulated WeChat Pay, the real service on SQLite, and the shop's receiver, on free loopback ports
 * with keys made up for the occasion. All share one clock, so that minutes can pass in no time.
 */
import { createVerify, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSimulator,
  type NotificationKind,
  type Simulator,
  type SimulatorOptions,
} from '../simulator';
import { sign } from '../simulator/v2/sign';
import { startHere } from '../tests/helpers/core';
import { silentLogger } from '../utils/logger';
import { answerWords, asJson, changeOf, dig, masked, shownOf, textOf } from './wording';
import { openReceiver, type Receiver } from './receiver';
import { code, words, type Actor, type DemoEvent, type Json, type Mode } from './types';
import type { RecordKind, Shown, Tell, Words } from './types';

export interface Reply {
  readonly status: number;
  readonly body: Json;
}

export interface Asked {
  readonly from: Actor;
  readonly text: Words;
  readonly path: string;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
  readonly checks?: readonly Words[];
}

export interface Delivered {
  readonly kind: 'payment' | 'refund' | 'transfer';
  readonly no: string;
  /** gateway: does Integration Center pass WeChat's ciphertext on? */
  readonly ciphertext?: boolean;
}

export interface Harness {
  readonly mode: Mode;
  readonly simulator: Simulator;
  readonly receiver: Receiver;
  /** Headers of the user, of another user, and of the merchant's back office. */
  readonly as: Readonly<Record<'payer' | 'other' | 'operator', Readonly<Record<string, string>>>>;
  readonly payerOpenid: string;
  tell(event: DemoEvent): void;
  ask(asked: Asked): Promise<Reply>;
  deliver(delivered: Delivered): Promise<number>;
  /** The record, as last written; tells what changed since it was last looked at. */
  look(kind: RecordKind, no: string): Promise<Shown | undefined>;
  paySignVerifies(params: Json): boolean;
  pass(ms: number): Promise<void>;
  sweep(): Promise<Reply>;
  /** The same service, as the people of its further merchants meet it. */
  readonly further: readonly Harness[];
  close(): Promise<void>;
}

/** Merchants of `merchantsFile`, by their keys. */
const FURTHER = { 'shop-b': '1900000002', 'shop-c': '1900000003' } as const;

const MINUTE_MS = 60_000;
const openidOf = (name: string): string => `oDEMO${name}`.padEnd(28, '0');
const VALID = words('商户签名有效', 'merchant signature valid');

/** `GET /v3/…/out-trade-no/X?mchid=…` without the query string. */
const pathOf = (path: string): string => path.split('?', 1)[0] ?? path;

function verifyPaySign(simulator: Simulator, params: Json): boolean {
  const { appId, apiKeyV2, merchantPublicKey } = simulator.credentials;
  const { signType } = params;
  if (signType === 'HMAC-SHA256') {
    const { paySign, prepay_id: _id, ...signed } = params as Record<string, string>;
    return sign(signed, apiKeyV2, signType) === paySign;
  }
  const message = [appId, params['timeStamp'], params['nonceStr'], params['package'], ''];
  return createVerify('RSA-SHA256')
    .update(message.join('\n'))
    .verify(merchantPublicKey, textOf(params['paySign']), 'base64');
}

async function startService(
  simulator: Simulator,
  extra: Record<string, string>,
  { folder, api }: { readonly folder: string; readonly api: HarnessOptions['api'] },
) {
  const own = {
    databaseUrl: `file:${join(folder, 'records.db')}`,
    trustWxHeaders: 'true',
    sweepSeconds: '0',
    ...extra,
  };
  const env = api === 'v2' ? simulator.envV2(own) : simulator.env(own);
  const clock = { now: () => simulator.clock.now() };
  const here = await startHere(env, { clock, logger: silentLogger });
  if (here.service.config === undefined) throw new Error('demo: the settings are not accepted');
  simulator.callbackTarget = here.url;
  return here;
}

export interface HarnessOptions {
  readonly settings?: Record<string, string>;
  /** With two further merchants, each with a receiver of its own. */
  readonly several?: boolean;
  readonly simulated?: SimulatorOptions;
  /** The version of WeChat's API; absent = v3. */
  readonly api?: 'v2';
}

export async function openHarness(
  mode: Mode,
  told: Tell,
  { settings = {}, several = false, simulated = {}, api }: HarnessOptions = {},
): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'pay-common-demo-'));
  const merchants = several ? Object.values(FURTHER).map((mchid) => ({ mchid })) : [];
  const simulator = await createSimulator({ autoDeliver: false, merchants, ...simulated });
  simulator.switches.refundOutcome = 'never';
  simulator.mode = mode === 'sdk' ? 'direct' : 'gateway';
  simulator.gateway = { ciphertext: true, target: 'callback' };
  const tell = (event: DemoEvent): void => {
    told(event, simulator.clock.now());
  };
  const own = await openShop(simulator, tell);
  const shops: Shop[] = [];
  for (const [key, mchid] of several ? Object.entries(FURTHER) : []) {
    shops.push(await openShop(simulator.merchant(mchid), tell, key));
  }
  const service = await startService(
    simulator,
    {
      signMode: api ?? mode,
      ...settingsOf(own),
      ...(several ? { merchantsFile: await fileOf(shops, folder) } : {}),
      // Integration Center forwards no transfer callbacks: there they are polled.
      ...(mode === 'gateway' ? { transferNotifyUrl: '' } : {}),
      ...settings,
    },
    { folder, api },
  );
  const close = async (): Promise<void> => {
    await service.close();
    for (const { receiver } of [own, ...shops]) await receiver.close();
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  };
  // Each merchant's callbacks come to the same service.
  for (const shop of shops) shop.simulator.callbackTarget = service.url;
  const shared = { mode, tell, close };
  const further = shops.map((shop) =>
    harnessOf({ ...shop, ...shared, url: `${service.url}/m/${shop.key ?? ''}`, further: [] }),
  );
  return harnessOf({ ...own, ...shared, url: service.url, further });
}

/** One merchant: at WeChat Pay, and the shop behind the service. */
interface Shop {
  /** undefined = of the environment. */
  readonly key: string | undefined;
  readonly simulator: Simulator;
  readonly receiver: Receiver;
  readonly operatorKey: string;
}

interface Parts extends Shop, Pick<Harness, 'mode' | 'further' | 'close'> {
  readonly url: string;
  readonly tell: (event: DemoEvent) => void;
}

async function openShop(
  simulator: Simulator,
  tell: (event: DemoEvent) => void,
  key?: string,
): Promise<Shop> {
  const receiver = await openReceiver(({ type, subject, says }) => {
    const text = words('事件', 'effect', [key ?? '', type, subject].join(' ').trim());
    tell({ type: 'message', from: 'pay', to: 'shop', text, checks: [says] });
  });
  return { key, simulator, receiver, operatorKey: randomBytes(24).toString('hex') };
}

const settingsOf = ({ operatorKey, receiver }: Shop): Record<string, string> => ({
  operatorKeys: operatorKey,
  webhookUrl: receiver.url,
  webhookSecret: receiver.secret,
});

/** What an entry leaves out of the notify URLs is made from the environment's. */
async function fileOf(shops: readonly Shop[], folder: string): Promise<string> {
  const entries = shops.map((shop) => {
    const {
      wxPayBaseUrl: _base,
      notifyURLPayURL: _pay,
      notifyURLRefundsURL: _refunds,
      transferNotifyUrl: _transfer,
      ...credentials
    } = shop.simulator.env();
    return { key: shop.key, ...credentials, ...settingsOf(shop) };
  });
  const path = join(folder, 'merchants.json');
  await writeFile(path, JSON.stringify(entries), { mode: 0o600 });
  return path;
}

function harnessOf(parts: Parts): Harness {
  const { mode, simulator, receiver, tell } = parts;
  const payerOpenid = openidOf('payer');
  const wx = (openid: string) => ({
    'x-wx-openid': openid,
    'x-wx-appid': simulator.credentials.appId,
  });
  const as = {
    payer: wx(payerOpenid),
    other: wx(openidOf('other')),
    operator: { 'x-api-key': parts.operatorKey },
  };
  const look = looker(parts, as.operator);
  const outward = outwardTeller(simulator, tell);

  async function ask(asked: Asked): Promise<Reply> {
    const { from, text, checks = [] } = asked;
    tell({ type: 'message', from, to: 'pay', text, checks });
    const reply = await send(parts.url, asked);
    outward();
    tell({
      type: 'message',
      from: 'pay',
      to: from,
      text: answerWords(reply.status, reply.body),
      status: reply.status,
      refused: reply.status >= 400,
      checks: [],
    });
    return reply;
  }

  return {
    mode,
    simulator,
    receiver,
    as,
    payerOpenid,
    tell,
    ask,
    deliver: (delivered) => deliver({ simulator, tell, outward, mode }, delivered),
    look,
    paySignVerifies: (params) => verifyPaySign(simulator, params),
    async pass(ms) {
      const minutes = String(ms / MINUTE_MS);
      const text = words(`时钟前进 ${minutes} 分钟`, `the clock moves on ${minutes} min`);
      tell({ type: 'note', text });
      await simulator.clock.advance(ms);
    },
    sweep: () =>
      ask({
        from: 'shop',
        text: words('定时器：运行巡检', 'timer: run the sweep', 'wxpay_sweep'),
        path: '/wx-pay/wxpay_sweep',
        headers: as.operator,
      }),
    further: parts.further,
    close: parts.close,
  };
}

async function send(url: string, asked: Asked): Promise<Reply> {
  const response = await fetch(url + asked.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asked.headers },
    body: JSON.stringify(asked.body ?? {}),
  });
  return { status: response.status, body: asJson(await response.json()) };
}

/** Tells of every request that reached WeChat Pay since the last time, and whether it was signed well. */
function outwardTeller(simulator: Simulator, tell: (event: DemoEvent) => void): () => void {
  let seen = simulator.requests.length;
  return () => {
    for (; seen < simulator.requests.length; seen += 1) {
      const request = simulator.requests[seen];
      if (request === undefined) continue;
      const { method, path, status, signature } = request;
      tell({
        type: 'message',
        from: 'pay',
        to: 'wechat',
        text: code(`${method} ${masked(pathOf(path))} → ${String(status)}`),
        checks: [signature === 'valid' ? VALID : words('签名被拒', 'signature refused', signature)],
      });
    }
  };
}

/** Reads records as the operator, and tells what is new in them. */
function looker(parts: Parts, operator: Readonly<Record<string, string>>): Harness['look'] {
  const last = new Map<string, Shown>();
  return async (kind, no) => {
    const response = await fetch(`${parts.url}/wx-pay/records/${kind}/${no}`, {
      headers: operator,
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`demo: record ${no} cannot be read`);
    const shown = shownOf(kind, asJson(dig(await response.json(), 'data', 'data')));
    const before = last.get(`${kind}/${no}`);
    last.set(`${kind}/${no}`, shown);
    const { state, version } = shown;
    if (before?.version === version) return shown;
    const changes = shown.history.slice(before?.history.length ?? 0).map(changeOf);
    const from = before === undefined || before.state === state ? {} : { before: before.state };
    parts.tell({ type: 'record', kind, no, state, version, ...from, changes });
    return shown;
  };
}

interface Postman {
  readonly simulator: Simulator;
  readonly tell: (event: DemoEvent) => void;
  readonly outward: () => void;
  readonly mode: Mode;
}

const CALLBACKS: Readonly<Record<Delivered['kind'], Words>> = {
  payment: words('支付成功回调', 'payment callback'),
  refund: words('退款回调', 'refund callback'),
  transfer: words('转账回调', 'transfer callback'),
};

/** Sends a callback now, as WeChat Pay does or as Integration Center forwards it; returns the HTTP status. */
async function deliver(postman: Postman, delivered: Delivered): Promise<number> {
  const { simulator, tell, outward, mode } = postman;
  const { kind, no, ciphertext = true } = delivered;
  const told = CALLBACKS[kind];
  const sealed = words(`${told.zh}（签名、加密）`, `${told.en}: signed, encrypted`);
  const from = mode === 'sdk' ? 'wechat' : 'center';
  if (mode === 'gateway') {
    const checks = [words('集成中心验签、解密', 'verified and decrypted there')];
    tell({ type: 'message', from: 'wechat', to: 'center', text: sealed, checks });
    const passed = ciphertext
      ? words(`转发${told.zh}，含密文`, 'forwarded with ciphertext')
      : words(`转发${told.zh}，仅明文`, 'forwarded, plaintext only');
    tell({ type: 'message', from, to: 'pay', text: passed, checks: [] });
  } else tell({ type: 'message', from, to: 'pay', text: sealed, checks: [] });
  const [sent] = await simulator.deliver(kind satisfies NotificationKind, no, {
    ciphertext,
    // Without ciphertext the forward arrives at the root, as the reference says it may.
    ...(mode === 'gateway' && !ciphertext ? { url: `${simulator.callbackTarget ?? ''}/` } : {}),
  });
  outward();
  const status = sent?.statusAnswered ?? 0;
  tell({
    type: 'message',
    from: 'pay',
    to: from,
    text: sent?.ok
      ? words('已记录', 'recorded', 'SUCCESS')
      : words('未记录', 'not recorded', 'FAIL'),
    status,
    refused: status >= 400,
    checks: [],
  });
  return status;
}
