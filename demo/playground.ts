/** What the page can do: a payer's, a shop's, WeChat Pay's and a stranger's moves, one after the other. */
import { textOf, yuan } from './wording';
import { openHarness, type Delivered, type Harness } from './harness';
import { askTransfer, confirmAsReceiver, payAsPayer, placeOrder, transferBody } from './scenario';
import { words, type Json, type Mode, type RecordKind, type Shown, type Tell } from './types';

export type Timing = 'now' | 'late' | 'twice' | 'never';

/** A record and what the page may do with it. */
export interface Item extends Shown {
  readonly mode: Mode;
  /** Callbacks that could be sent: again, or for the first time. */
  readonly callbacks: readonly Delivered['kind'][];
}

export interface Playground {
  act(name: string, body: Json): Promise<void>;
  items(): Promise<Item[]>;
  now(): number;
  close(): Promise<void>;
}

export class ActError extends Error {}

interface Entry {
  readonly kind: RecordKind;
  readonly no: string;
  readonly harness: Harness;
  readonly ciphertext: boolean;
  readonly callbacks: Delivered[];
  refunds: number;
}

const ENTRIES_MAX = 60;
const LATE_MS = 6000;
const MINUTE_MS = 60_000;
const PASS_MAX_MINUTES = 1440;
const FEN_MAX = 1_000_000;
const TEA = '龙井茶 Longjing tea';

const TIMINGS: readonly string[] = ['now', 'late', 'twice', 'never'] satisfies Timing[];

function fenOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= FEN_MAX) {
    return value;
  }
  throw new ActError(`amount: 1 … ${String(FEN_MAX)} fen`);
}

function timingOf(value: unknown): Timing {
  if (typeof value === 'string' && TIMINGS.includes(value)) return value as Timing;
  throw new ActError('when: now, late, twice or never');
}

type Act = (ground: Ground, body: Json) => Promise<void>;

/** The page's harnesses, and every record made from it. */
class Ground {
  readonly entries = new Map<string, Entry>();
  private readonly late = new Set<NodeJS.Timeout>();
  private counter = 0;

  constructor(
    readonly harnesses: Readonly<Record<Mode, Harness>>,
    private readonly changed: () => void,
  ) {}

  add(kind: RecordKind, way: unknown): Entry {
    if (this.entries.size >= ENTRIES_MAX) throw new ActError('enough records: restart the demo');
    this.counter += 1;
    const no = `${kind === 'order' ? 'TEA' : 'BACK'}${String(this.counter).padStart(5, '0')}`;
    const harness = this.harnesses[way === 'sdk' ? 'sdk' : 'gateway'];
    const ciphertext = way !== 'plain';
    const entry: Entry = { kind, no, harness, ciphertext, callbacks: [], refunds: 0 };
    this.entries.set(no, entry);
    return entry;
  }

  entry(body: Json): Entry {
    const entry = this.entries.get(textOf(body['no']));
    if (entry === undefined) throw new ActError('no such record');
    return entry;
  }

  /** Sends a callback as the person at the page wishes. */
  async callback(entry: Entry, callback: Omit<Delivered, 'ciphertext'>, when: Timing) {
    const delivered: Delivered = { ...callback, ciphertext: entry.ciphertext };
    if (!entry.callbacks.some((one) => one.kind === callback.kind && one.no === callback.no)) {
      entry.callbacks.push(delivered);
    }
    if (when === 'never') {
      const text = words('这次回调丢了', 'this callback is lost');
      entry.harness.tell({ type: 'note', text });
      return;
    }
    if (when === 'late') return this.later(entry, delivered);
    await entry.harness.deliver(delivered);
    if (when === 'twice') {
      await entry.harness.look(entry.kind, entry.no);
      await entry.harness.deliver(delivered);
    }
  }

  private later(entry: Entry, delivered: Delivered): void {
    const seconds = String(LATE_MS / 1000);
    const text = words(`回调在路上，${seconds} 秒后到`, `callback arrives in ${seconds} s`);
    entry.harness.tell({ type: 'note', text });
    const timer = setTimeout(() => {
      this.late.delete(timer);
      void entry.harness.deliver(delivered).then(this.changed, this.changed);
    }, LATE_MS);
    this.late.add(timer);
  }

  async items(): Promise<Item[]> {
    const items: Item[] = [];
    for (const { kind, no, harness, callbacks } of this.entries.values()) {
      const shown = await harness.look(kind, no);
      if (shown === undefined) continue;
      const kinds = [...new Set(callbacks.map((one) => one.kind))];
      items.push({ ...shown, mode: harness.mode, callbacks: kinds });
    }
    return items;
  }

  async close(): Promise<void> {
    for (const timer of this.late) clearTimeout(timer);
    await Promise.all(Object.values(this.harnesses).map((harness) => harness.close()));
  }
}

async function place(ground: Ground, body: Json): Promise<void> {
  const total = fenOf(body['fen']);
  const entry = ground.add('order', body['mode']);
  entry.harness.receiver.price(entry.no, total);
  const order = { description: TEA, amount: { total } };
  await placeOrder(entry.harness, entry.no, order, words('', '', `¥${yuan(total)}`));
}

async function pay(ground: Ground, body: Json): Promise<void> {
  const entry = ground.entry(body);
  const when = timingOf(body['when']);
  try {
    payAsPayer(entry.harness, entry.no);
  } catch {
    throw new ActError('微信支付拒绝：已支付或已关闭 / WeChat Pay refuses: paid or closed');
  }
  await ground.callback(entry, { kind: 'payment', no: entry.no }, when);
}

async function refund(ground: Ground, body: Json): Promise<void> {
  const entry = ground.entry(body);
  const fen = fenOf(body['fen']);
  const when = timingOf(body['when']);
  entry.refunds += 1;
  const no = `${entry.no}_R${String(entry.refunds)}`;
  const before = await entry.harness.look('order', entry.no);
  const reply = await entry.harness.ask({
    from: 'shop',
    text: words('退款', 'refund', `${no} ¥${yuan(fen)}`),
    path: '/wx-pay/wxpay_refund',
    body: {
      out_trade_no: entry.no,
      out_refund_no: no,
      amount: { refund: fen, total: before?.totalFen ?? 0 },
    },
    headers: entry.harness.as.operator,
    checks: [words('运营密钥', 'operator key'), words('不超过已付', 'within what was paid')],
  });
  if (reply.status !== 200) return;
  await entry.harness.look('order', entry.no);
  entry.harness.simulator.settleRefund(no, 'SUCCESS', { deliver: 'never' });
  await ground.callback(entry, { kind: 'refund', no }, when);
}

async function again(ground: Ground, body: Json): Promise<void> {
  const entry = ground.entry(body);
  const sent = entry.callbacks.filter((one) => one.kind === body['kind']).at(-1);
  if (sent === undefined) throw new ActError('nothing to send: pay first');
  await ground.callback(entry, sent, timingOf(body['when']));
}

async function transfer(ground: Ground, body: Json): Promise<void> {
  const fen = fenOf(body['fen']);
  const entry = ground.add('transfer', body['mode']);
  await askTransfer(entry.harness, entry.no, fen);
}

async function confirm(ground: Ground, body: Json): Promise<void> {
  const entry = ground.entry(body);
  try {
    confirmAsReceiver(entry.harness, entry.no);
  } catch {
    throw new ActError('没有待确认的转账 / nothing to confirm');
  }
  const { harness, no } = entry;
  if (harness.mode === 'sdk') {
    return ground.callback(entry, { kind: 'transfer', no }, timingOf(body['when']));
  }
  const text = words('集成中心不转发转账回调：等巡检', 'not forwarded: the sweep will ask');
  harness.tell({ type: 'note', text });
}

const ASKED: Readonly<Record<string, readonly [path: string, zh: string, en: string]>> = {
  query: ['wxpay_query_order_by_out_trade_no', '查询订单', 'query the order'],
  close: ['wxpay_close_order', '关闭订单', 'close the order'],
};

const askAs =
  (name: 'query' | 'close'): Act =>
  async (ground, body) => {
    const { harness, no } = ground.entry(body);
    const [path = '', zh = '', en = ''] = ASKED[name] ?? [];
    await harness.ask({
      from: 'app',
      text: words(zh, en, no),
      path: `/wx-pay/${path}`,
      body: { out_trade_no: no },
      headers: harness.as.payer,
      checks: [words('订单属于此用户', 'order belongs to this user')],
    });
  };

/** Three things that must not work. */
const attack: Act = async (ground, body) => {
  const { harness, no } = ground.entry(body);
  const total = (await harness.look('order', no))?.totalFen ?? 1;
  const paid = { out_trade_no: no, trade_state: 'SUCCESS', amount: { total } };
  switch (body['how']) {
    case 'forge':
      await harness.ask({
        from: 'stranger',
        text: words('伪造“已支付”', 'posts a made-up "paid"', no),
        path: '/wechatpay/order',
        body: { event_type: 'TRANSACTION.SUCCESS', ParsedContent: paid },
      });
      return;
    case 'refund':
      await harness.ask({
        from: 'app',
        text: words('用户给自己退款', 'a user refunds himself', no),
        path: '/wx-pay/wxpay_refund',
        body: { out_trade_no: no, out_refund_no: `${no}_RX`, amount: { refund: total, total } },
        headers: harness.as.payer,
      });
      return;
    default:
      await harness.ask({
        from: 'app',
        text: words('用户给自己转账', 'a user transfers to himself'),
        path: '/wx-pay/wxpay_transfer',
        body: transferBody(harness, 'STOLEN0001', 20_000),
        headers: harness.as.payer,
      });
  }
};

const ACTS: Readonly<Record<string, Act>> = {
  place,
  pay,
  refund,
  transfer,
  confirm,
  attack,
  callback: again,
  query: askAs('query'),
  close: askAs('close'),
  sweep: async (ground) => {
    const used = new Set([...ground.entries.values()].map((entry) => entry.harness));
    for (const harness of used) await harness.sweep();
  },
  pass: async (ground, body) => {
    const minutes = Math.min(fenOf(body['minutes']), PASS_MAX_MINUTES);
    await ground.harnesses.sdk.pass(minutes * MINUTE_MS);
    await ground.harnesses.gateway.simulator.clock.set(ground.harnesses.sdk.simulator.clock.now());
  },
};

/** @param changed  called when something happened that nobody waits for: a late callback. */
export async function openPlayground(tell: Tell, changed: () => void): Promise<Playground> {
  const [sdk, gateway] = await Promise.all([
    openHarness('sdk', tell),
    openHarness('gateway', tell),
  ]);
  const ground = new Ground({ sdk, gateway }, changed);
  let last: Promise<unknown> = Promise.resolve();
  return {
    act(name, body) {
      const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined;
      if (act === undefined) return Promise.reject(new ActError('no such action'));
      // One move at a time: the timeline stays a story.
      const mine = last.then(() => act(ground, body));
      last = mine.then(
        () => undefined,
        () => undefined,
      );
      return mine;
    },
    items: () => ground.items(),
    now: () => sdk.simulator.clock.now(),
    async close() {
      await last;
      await ground.close();
    },
  };
}
