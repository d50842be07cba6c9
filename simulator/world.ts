import { machineNowMs, SimClock } from './clock';
import type { Combination } from './combine';
import { Faults } from './faults';
import { KeyRing, type SigningKey } from './keys';
import { Notifier } from './notifier';
import type { Order } from './orders';
import { createRandom, type Random } from './random';
import type { Refund } from './refunds';
import { defaultSwitches, type Switches } from './switches';
import { compactTime, DAY_MS } from './time';
import type { Transfer } from './transfers';
import type { BillFile } from './bills';
import type {
  CallbackFault,
  Fault,
  MerchantOptions,
  SubMerchantOptions,
  ObservedRequest,
  Scheme,
  SimulatorOptions,
} from './types';

/** One call to the API after its signature was found good. */
export interface ApiRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed body; an empty object where there is none. */
  readonly body: Record<string, unknown>;
  /** `Wechatpay-Serial` of the request, empty when not sent. */
  readonly serial: string;
  /** Set by a handler that recognised an identical repeat. */
  replay: boolean;
}

export interface ApiReply {
  status: number;
  body?: unknown;
  /** A file instead of JSON; never signed. */
  file?: Buffer;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With `{name}` for a segment. */
  readonly path: string;
  readonly handle: (world: World, request: ApiRequest) => ApiReply;
}

/** Share of callbacks signed by public key, by day of the switch week. */
const SWITCH_WEEK = [0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1];

/** What all merchants of the simulated WeChat Pay have in common. */
export class Platform {
  readonly startMs: number;
  readonly clock: SimClock;
  readonly random: Random;
  readonly switches: Switches;
  readonly requests: ObservedRequest[] = [];
  readonly faults: Faults<Fault>;
  readonly callbackFaults: Faults<CallbackFault>;
  /** Own address, for the links in replies. */
  url = '';
  private readonly ids: Random;
  private sequence = 0;

  constructor(readonly options: SimulatorOptions) {
    const seed = options.seed ?? 1;
    this.startMs = options.nowMs ?? machineNowMs();
    this.clock = new SimClock(this.startMs, options.frozen ?? false);
    this.random = createRandom(`${seed}|wire`);
    // Numbers must not repeat over two runs on one database; with a given time they may, and do.
    this.ids = createRandom(`${seed}|ids|${this.startMs}`);
    this.switches = { ...defaultSwitches(), ...options.switches };
    this.faults = new Faults<Fault>(createRandom(`${seed}|faults`));
    this.callbackFaults = new Faults<CallbackFault>(createRandom(`${seed}|callback faults`));
  }

  /** A number in WeChat's look: prefix, time, running number, all digits. No two merchants get the same. */
  number(prefix: string, length: number): string {
    this.sequence += 1;
    const time = compactTime(this.clock.now());
    const stem = `${prefix}${time}${String(this.sequence).padStart(6, '0')}`;
    const digits = this.ids.digits(Math.max(0, length - stem.length));
    return `${stem}${digits}`.slice(0, length);
  }
}

/** One merchant at the simulated WeChat Pay: its keys, and all that it ordered. */
export class World {
  readonly options: SimulatorOptions;
  readonly clock: SimClock;
  readonly random: Random;
  readonly keys: KeyRing;
  readonly switches: Switches;
  readonly scheme: Scheme;
  readonly mchid: string;
  readonly appid: string;
  readonly serviceAppid: string;
  /** Of a service provider; empty: a merchant of its own. */
  readonly shops: ReadonlyMap<string, SubMerchantOptions>;
  readonly orders = new Map<string, Order>();
  readonly ordersByTransaction = new Map<string, Order>();
  readonly combinations = new Map<string, Combination>();
  readonly refunds = new Map<string, Refund>();
  readonly transfers = new Map<string, Transfer>();
  readonly transfersByBill = new Map<string, Transfer>();
  readonly files = new Map<string, BillFile>();
  readonly openids = new Map<string, string>();
  readonly authCodes = new Set<string>();
  readonly callbackFaults: Faults<CallbackFault>;
  readonly notifier: Notifier;

  /** @param merchant  A further merchant; absent: the one of the options, with the keys of the seed alone. */
  constructor(
    readonly platform: Platform,
    merchant?: MerchantOptions,
  ) {
    const { options, startMs } = platform;
    const seed = options.seed ?? 1;
    const { mchid, appid, service_app_id, subMerchants = [] } = merchant ?? options;
    this.shops = new Map(subMerchants.map((shop) => [shop.sub_mchid, shop]));
    this.options = options;
    this.clock = platform.clock;
    this.random = platform.random;
    this.switches = platform.switches;
    this.callbackFaults = platform.callbackFaults;
    this.scheme = options.scheme ?? 'publicKey';
    const label = merchant === undefined ? seed : `${String(seed)}|${merchant.mchid}`;
    this.keys = new KeyRing(label, this.scheme !== 'publicKey', startMs);
    this.mchid = mchid ?? '1900000001';
    this.appid = appid ?? 'wx0123456789abcdef';
    this.serviceAppid = service_app_id ?? 'wxfedcba9876543210';
    this.notifier = new Notifier(this);
  }

  get url(): string {
    return this.platform.url;
  }

  now(): number {
    return this.clock.now();
  }

  /** The time signatures are dated and checked with. */
  wireNowMs(): number {
    return this.switches.wireClock === 'real' ? machineNowMs() : this.clock.now();
  }

  number(prefix: string, length: number): string {
    return this.platform.number(prefix, length);
  }

  /** The key a reply to a request that named `serial` is signed with. */
  replyKey(serial: string): SigningKey {
    if (this.switches.responseKey === 'certificate') return this.keys.certificate(this.now());
    if (this.scheme === 'publicKey') return this.keys.publicKey;
    if (this.scheme === 'both' && serial === this.keys.publicKeyId) return this.keys.publicKey;
    const named = this.keys.certificates.find((c) => c.id === serial);
    return named ?? this.keys.certificate(this.now());
  }

  /** The key of a callback: in the switch week by lot, as the share rises day by day. */
  callbackKey(): SigningKey {
    if (this.scheme === 'publicKey') return this.keys.publicKey;
    if (this.scheme === 'certificate') return this.keys.certificate(this.now());
    const { callbackPublicKeyShare: share } = this.switches;
    const day = Math.max(0, Math.floor((this.now() - this.platform.startMs) / DAY_MS));
    const chance = share === 'week' ? (SWITCH_WEEK[day] ?? 1) : share;
    const usePublic = this.random.next() < chance;
    return usePublic ? this.keys.publicKey : this.keys.certificate(this.now());
  }
}
