/**
 * The pages of docs/products, read as what they are: requests, replies, effects and client code in their order. A fence says
 * what it is behind its language; a comment says what happens at WeChat Pay in between.
 *
 * In a sample `…` stands for any characters: what is random or secret is cut there.
 */
import type { Simulator } from '../../simulator';
import type { OrderRecord } from '../../services/ledger/record';
import { operator, payer, startService, type HandClock, type Json, type Running } from './service';

export type Step =
  | {
      readonly kind: 'request';
      readonly role: string;
      readonly path: string;
      readonly sample: string;
    }
  | { readonly kind: 'reply'; readonly status: number; readonly sample: string }
  | { readonly kind: 'effect'; readonly sample: string }
  | { readonly kind: 'client'; readonly code: string }
  | { readonly kind: 'event'; readonly words: readonly string[] };

export interface PlacedStep {
  readonly step: Step;
  /** Where its sample begins and ends in the page. */
  readonly from: number;
  readonly to: number;
}

const PIECE = /^```(\w+) ?([^\n]*)\n([\s\S]*?)^```$|^<!-- (\w[^\n]*?) -->$/gm;

export function stepsOf(page: string): PlacedStep[] {
  return [...page.matchAll(PIECE)].flatMap((match) => {
    const [whole, language, info = '', text = '', event] = match;
    const step = event === undefined ? fenceOf(String(language), info, text) : eventOf(event);
    if (step === undefined) return [];
    const from = event === undefined ? match.index + whole.indexOf('\n') + 1 : match.index;
    return [{ step, from, to: from + text.length }];
  });
}

const eventOf = (text: string): Step => ({ kind: 'event', words: text.split(' ') });

function fenceOf(language: string, info: string, text: string): Step | undefined {
  const [first = '', second = '', third = ''] = info.split(' ');
  if (language === 'js' && first === 'client') return { kind: 'client', code: text };
  if (language !== 'json') return undefined;
  if (first === 'reply') return { kind: 'reply', status: Number(second), sample: text };
  if (first === 'effect') return { kind: 'effect', sample: text };
  if (second !== 'POST') throw new Error(`a JSON block says what it is, not "${info}"`);
  return { kind: 'request', role: first, path: third, sample: text };
}

const ROLES: Readonly<Record<string, () => Record<string, string>>> = {
  payer: () => ({ ...payer() }),
  operator: () => ({ ...operator() }),
  /** In the app of a service provider's shop. */
  shopper: () => ({ ...payer(), 'x-wx-appid': 'wx2222222222222222' }),
  /** A browser behind the platform's entry, which adds its address. */
  browser: () => ({ ...payer(), 'x-forwarded-for': '203.0.113.7' }),
};

export interface PageWorld {
  readonly sim: Simulator;
  readonly run: Running;
  readonly clock: HandClock;
}

type Event = (world: PageWorld, given: string) => Promise<void>;

const EVENTS: Readonly<Record<string, Event>> = {
  async pay({ sim }, no) {
    sim.pay(no);
    await sim.deliver('payment', no);
  },
  /** A device of the shop orders and is paid by a face: this service is told afterwards. */
  async face({ sim, run, clock }, no) {
    const device = await startService({ sim, clock });
    const body = { out_trade_no: no, description: 'Tea', amount: { total: 20 } };
    await device.call('/wx-pay/wxpay_order', body, payer());
    await device.close();
    sim.callbackTarget = run.url;
    sim.pay(no, { trade_type: 'FACEPAY' });
    await sim.deliver('payment', no);
  },
  async seconds({ sim, clock }, count) {
    clock.advance(Number(count) * 1000);
    await sim.clock.advance(Number(count) * 1000);
  },
  async refunded({ sim }, no) {
    await sim.deliver('refund', no);
  },
  async received({ sim }, no) {
    sim.confirmTransfer(no);
    await sim.deliver('transfer', no);
  },
};

export interface Played {
  /** What stands in the place of each reply and effect. */
  readonly answers: ReadonlyMap<PlacedStep, unknown>;
  /** What client code called, with what. */
  readonly calls: readonly (readonly [name: string, given: unknown])[];
}

/** Plays a page from its first step to its last. */
export async function play(steps: readonly PlacedStep[], world: PageWorld): Promise<Played> {
  const answers = new Map<PlacedStep, unknown>();
  const calls: [string, unknown][] = [];
  let reply: { readonly status: number; readonly body: unknown } = { status: 0, body: {} };
  for (const placed of steps) {
    const { step } = placed;
    if (step.kind === 'event') {
      const [name = '', given = ''] = step.words;
      const happen = EVENTS[name];
      if (happen === undefined) throw new Error(`nothing happens at "${name}"`);
      await happen(world, given);
    } else if (step.kind === 'request') {
      const headers = ROLES[step.role]?.() ?? {};
      reply = await world.run.call(step.path, JSON.parse(step.sample), headers);
    } else if (step.kind === 'reply') answers.set(placed, [reply.status, reply.body]);
    else if (step.kind === 'effect') answers.set(placed, await effectOf(world.run, step.sample));
    else await runClient(step.code, { reply: reply.body, run: world.run, calls });
  }
  return { answers, calls };
}

async function effectOf(run: Running, sample: string): Promise<unknown> {
  const { subject, type, data } = JSON.parse(sample) as {
    subject: string;
    type: string;
    data: Json;
  };
  const kind = type.startsWith('transfer') ? 'transfer' : 'order';
  const record = (await run.store.find(kind, subject)) as OrderRecord | undefined;
  const effect = record?.effects.find((one) => one.type === type);
  const told: Json = { ...effect?.data };
  const named = Object.keys(data).map((name) => [name, told[name]]);
  return { type: effect?.type, subject, data: Object.fromEntries(named) as Json };
}

interface ClientWorld {
  readonly reply: unknown;
  readonly run: Running;
  readonly calls: [string, unknown][];
}

const SHOP = 'https://pay.example.com';

/** A phone, a browser and a shop's server, as far as the samples use them. */
async function runClient(code: string, { reply, run, calls }: ClientWorld): Promise<void> {
  const note = (name: string) => (given: unknown) => void calls.push([name, given]);
  const globals = {
    reply,
    wx: {
      requestPayment: note('wx.requestPayment'),
      requestMerchantTransfer: note('wx.requestMerchantTransfer'),
      canIUse: () => true,
    },
    WeixinJSBridge: { invoke: (name: string, given: unknown) => void calls.push([name, given]) },
    location: { assign: note('location.assign') },
    showQrCode: note('showQrCode'),
    startApp: note('startApp'),
    process: { env: { OPERATOR_KEY: operator()['x-api-key'] } },
    fetch: (url: string, init?: RequestInit) =>
      url.startsWith(SHOP)
        ? fetch(run.url + url.slice(SHOP.length), init)
        : Promise.resolve(Response.json({ openid: payer()['x-wx-openid'], scope: 'snsapi_base' })),
  };
  const before = calls.length;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the sample of a page, run as a reader would run it
  const sample = new Function(...Object.keys(globals), `return (async () => {${code}})();`) as (
    ...given: unknown[]
  ) => Promise<unknown>;
  const result = await sample(...Object.values(globals));
  if (calls.length === before) calls.push(['returned', result]);
}

/** The answer with what the sample cuts cut, too: `wx…` says that it begins with wx, whatever follows. */
export function cutAs(sample: unknown, actual: unknown): unknown {
  if (typeof sample === 'string' && typeof actual === 'string' && sample.includes('…')) {
    const parts = sample.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('[^]+')}$`).test(actual) ? sample : actual;
  }
  if (typeof sample !== 'object' || typeof actual !== 'object') return actual;
  if (sample === null || actual === null) return actual;
  if (Array.isArray(actual)) {
    return actual.map((item, i) => cutAs((sample as readonly unknown[])[i], item));
  }
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [name, cutAs((sample as Json)[name], value)]),
  );
}
