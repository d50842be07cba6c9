import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { parseUrl } from './common';
import { SimulatorError } from './errors';
import { magicCallback } from './magic';
import {
  labelsOf,
  makeForward,
  makeNotification,
  PROBE_PREFIX,
  signatureHeaders,
} from './notifications';
import { remember } from './remember';
import { HOUR_MS, MINUTE_MS, rfc3339, SECOND_MS } from './time';
import type {
  CallbackFault,
  CallbackMode,
  DeliverOptions,
  GatewayOptions,
  Message,
  NotificationKind,
  Plain,
  SentCallback,
} from './types';
import { isAcknowledged } from './v2/notices';
import type { World } from './world';

const S = SECOND_MS;
const M = MINUTE_MS;
const H = HOUR_MS;

/** Waits before the 15 repeats of a payment or refund notification: 24 h 4 min in all. */
export const PAYMENT_SCHEDULE: readonly number[] = [
  15 * S,
  15 * S,
  30 * S,
  3 * M,
  10 * M,
  20 * M,
  30 * M,
  30 * M,
  30 * M,
  60 * M,
  3 * H,
  3 * H,
  3 * H,
  6 * H,
  6 * H,
];

/** The other reading for transfers: 15 s × 10, 300 s × 10, 1800 s × 44. */
export const TRANSFER_SCHEDULE: readonly number[] = [
  ...new Array<number>(10).fill(15 * S),
  ...new Array<number>(10).fill(300 * S),
  ...new Array<number>(44).fill(1800 * S),
];

/** A `reorder`ed callback goes out after the next one, or after this long. */
const REORDER_MAX_MS = 1000;
const ANSWER_MAX_BYTES = 64 * 1024;

/** One notification, over all its attempts. */
export interface Notification {
  readonly id: string;
  readonly kind: NotificationKind;
  readonly no: string;
  readonly plain: Plain;
  readonly url: string;
  readonly create_time: string;
  /** Makes it in the form of API v2. */
  readonly xml: (() => Message) | undefined;
  attempts: number;
  acknowledged: boolean;
  cancelNext: () => void;
}

interface Outgoing extends Message {
  url: string;
  mode: CallbackMode;
}

interface Answer {
  status: number;
  body: string;
  error?: string;
}

/** Sends what happened to the merchant's notify_url, again and again until it is acknowledged. */
export class Notifier {
  readonly sent: SentCallback[] = [];
  autoDeliver: boolean;
  mode: CallbackMode;
  gateway: GatewayOptions;
  target: string | undefined;
  private readonly latest = new Map<string, Notification>();
  private readonly held: (() => Promise<unknown>)[] = [];
  private readonly http = new HttpAgent({ keepAlive: true, maxSockets: 256 });
  private readonly https = new HttpsAgent({ keepAlive: true, maxSockets: 256 });
  private readonly ending = new AbortController();

  constructor(private readonly world: World) {
    const { options } = world;
    this.autoDeliver = options.autoDeliver ?? true;
    this.mode = options.mode ?? 'direct';
    this.gateway = options.gateway ?? { ciphertext: true };
    this.target = options.callbackTarget;
  }

  /** Something final happened: makes the notification and sets its first attempt. */
  announce(
    kind: NotificationKind,
    o: {
      no: string;
      plain: Plain;
      url: string;
      deliver?: 'auto' | 'never' | undefined;
      xml?: () => Message;
    },
  ): void {
    const notification: Notification = {
      id: this.world.random.uuid(),
      kind,
      no: o.no,
      plain: o.plain,
      url: o.url,
      create_time: rfc3339(this.world.now()),
      xml: o.xml,
      attempts: 0,
      acknowledged: false,
      cancelNext: () => undefined,
    };
    this.latest.set(`${kind}|${o.no}`, notification);
    if (this.autoDeliver && o.deliver !== 'never' && o.url !== '') {
      this.plan(notification, this.world.now() + this.world.switches.callbackDelayMs);
    }
  }

  find(kind: NotificationKind, no: string): Notification | undefined {
    return this.latest.get(`${kind}|${no}`);
  }

  /** Sends now, outside of the schedule. */
  async deliver(
    kind: NotificationKind,
    no: string,
    o: DeliverOptions = {},
  ): Promise<SentCallback[]> {
    const notification = this.find(kind, no);
    if (notification === undefined) throw new SimulatorError(`nothing to notify: ${kind} ${no}`);
    const sent: SentCallback[] = [];
    for (let i = 0; i < (o.times ?? 1); i += 1) sent.push(...(await this.attempt(notification, o)));
    return sent;
  }

  close(): void {
    this.ending.abort();
    this.http.destroy();
    this.https.destroy();
  }

  private plan(notification: Notification, atMs: number): void {
    notification.cancelNext = this.world.clock.schedule(atMs, async () => {
      if (!notification.acknowledged) await this.scheduled(notification);
    });
  }

  private async scheduled(notification: Notification): Promise<void> {
    const atMs = this.world.now();
    const index = notification.attempts;
    await this.attempt(notification, {});
    const schedule =
      notification.kind === 'transfer' && this.world.switches.transferSchedule === 'transfer'
        ? TRANSFER_SCHEDULE
        : PAYMENT_SCHEDULE;
    const waitMs = schedule[index];
    if (!notification.acknowledged && waitMs !== undefined) this.plan(notification, atMs + waitMs);
  }

  /** One attempt, with whatever faults were ordered for it. */
  private async attempt(n: Notification, o: DeliverOptions): Promise<SentCallback[]> {
    n.attempts += 1;
    const { world } = this;
    const outgoing = this.build(n, o);
    const path = pathOf(outgoing.url);
    const event = labelsOf(n.kind, n.plain).event_type;
    const faults = world.callbackFaults.take(
      [n.kind, event, `POST ${path}`, `${n.kind} ${path}`],
      () => false,
    );
    const fault = faults[0] ?? magicCallback(world, n.kind, n.plain, n.attempts);
    const send = (): Promise<SentCallback> => this.send(n, spoil(world, outgoing, fault));
    if (fault?.kind === 'drop') {
      return [this.record(n, outgoing, { status: 0, body: '', error: 'dropped' })];
    }
    if (fault?.kind === 'delay') {
      world.clock.schedule(world.now() + (fault.ms ?? 1000), async () => {
        await send();
      });
      return [];
    }
    if (fault?.kind === 'reorder') {
      this.hold(send);
      return [];
    }
    if (fault?.kind === 'duplicate') return Promise.all([send(), send()]);
    const sent = [await send()];
    for (const held of this.held.splice(0)) await held();
    return sent;
  }

  private hold(send: () => Promise<SentCallback>): void {
    this.held.push(send);
    this.world.clock.schedule(this.world.now() + REORDER_MAX_MS, async () => {
      const at = this.held.indexOf(send);
      if (at >= 0) await this.held.splice(at, 1)[0]?.();
    });
  }

  private build(n: Notification, o: DeliverOptions): Outgoing {
    const { world } = this;
    // Integration Center knows nothing of API v2.
    const mode = n.xml === undefined ? (o.mode ?? this.mode) : 'direct';
    const labels = { id: n.id, create_time: n.create_time };
    let message: Message;
    if (n.xml !== undefined) message = n.xml();
    else if (mode === 'gateway') {
      const ciphertext = o.ciphertext ?? this.gateway.ciphertext;
      const { body } = makeForward(world, n.kind, n.plain, { ...labels, ciphertext });
      message = {
        body,
        headers: {
          'Content-Type': 'application/json',
          'x-tcb-integration-id': 'simulated-integration',
        },
      };
    } else {
      const probe = world.random.next() < world.switches.probeShare;
      message = makeNotification(world, n.kind, n.plain, { ...labels, probe });
    }
    const tampered = o.tamper?.(message.body, message.headers);
    return { ...(tampered ?? message), url: o.url ?? this.urlFor(n.url, mode), mode };
  }

  /** Leads a public notify_url to a service that runs here. */
  private urlFor(notifyUrl: string, mode: CallbackMode): string {
    const target = mode === 'gateway' ? (this.gateway.target ?? '/') : 'callback';
    if (/^https?:\/\//.test(target)) return target;
    const origin = (this.target ?? originOf(notifyUrl)).replace(/\/$/, '');
    return `${origin}${target === 'callback' ? pathOf(notifyUrl) : target}`;
  }

  private async send(n: Notification, outgoing: Outgoing): Promise<SentCallback> {
    return this.record(n, outgoing, await this.post(outgoing));
  }

  private record(n: Notification, outgoing: Outgoing, answer: Answer): SentCallback {
    const ok =
      n.xml === undefined
        ? answer.status === 200 || answer.status === 204
        : answer.status === 200 && isAcknowledged(answer.body);
    if (ok) {
      n.acknowledged = true;
      n.cancelNext();
    }
    const sent: SentCallback = {
      atMs: this.world.now(),
      id: n.id,
      kind: n.kind,
      no: n.no,
      event_type: labelsOf(n.kind, n.plain).event_type,
      url: outgoing.url,
      attempt: n.attempts,
      mode: outgoing.mode,
      statusAnswered: answer.status,
      bodyAnswered: answer.body,
      ok,
      ...(answer.error === undefined ? {} : { error: answer.error }),
      body: outgoing.body,
      headers: outgoing.headers,
    };
    remember(this.sent, sent);
    return sent;
  }

  private async post(outgoing: Outgoing): Promise<Answer> {
    // Names under example.com are made up: asking the network for them would only take time.
    if (/^https?:\/\/([^/:]+\.)?example\.(com|org|net)([/:]|$)/.test(outgoing.url)) {
      return { status: 0, body: '', error: 'no callbackTarget for a made-up host' };
    }
    const first = await this.postOnce(outgoing);
    // A kept-alive connection the service has closed meanwhile says nothing about the service.
    return first.error === 'stale connection' ? this.postOnce(outgoing) : first;
  }

  private postOnce(outgoing: Outgoing): Promise<Answer> {
    return new Promise((resolve) => {
      const secure = outgoing.url.startsWith('https:');
      const body = Buffer.from(outgoing.body);
      const request = (secure ? httpsRequest : httpRequest)(outgoing.url, {
        method: 'POST',
        agent: secure ? this.https : this.http,
        headers: { ...outgoing.headers, 'Content-Length': body.length },
        signal: this.ending.signal,
      });
      const timer = setTimeout(() => {
        request.destroy(new Error('no answer in time'));
      }, this.world.switches.callbackTimeoutMs);
      const finish = (answer: Answer): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && error.code === 'ECONNRESET';
        finish({ status: 0, body: '', error: stale ? 'stale connection' : error.message });
      });
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (text.length < ANSWER_MAX_BYTES) text += chunk;
        });
        response.on('end', () => {
          finish({ status: response.statusCode ?? 0, body: text });
        });
        response.on('error', (error) => {
          finish({ status: 0, body: text, error: error.message });
        });
      });
      request.end(body);
    });
  }
}

function pathOf(url: string): string {
  return parseUrl(url)?.pathname ?? '/';
}

function originOf(url: string): string {
  return parseUrl(url)?.origin ?? '';
}

/** Applies a fault that changes the message itself. */
function spoil(world: World, outgoing: Outgoing, fault: CallbackFault | undefined): Outgoing {
  const headers = { ...outgoing.headers };
  if (fault === undefined || outgoing.mode === 'gateway') {
    return fault?.kind === 'truncate' ? { ...outgoing, body: half(outgoing.body) } : outgoing;
  }
  const signature = headers['Wechatpay-Signature'] ?? '';
  if (fault.kind === 'truncate') return { ...outgoing, body: half(outgoing.body) };
  if (fault.kind === 'bad_signature') headers['Wechatpay-Signature'] = flip(signature);
  if (fault.kind === 'probe') {
    headers['Wechatpay-Signature'] = `${PROBE_PREFIX}${signature.slice(20)}`;
  }
  if (fault.kind === 'unknown_serial') headers['Wechatpay-Serial'] = world.random.hex(40);
  if (fault.kind === 'no_headers') {
    const kept = Object.entries(headers).filter(([key]) => !/^wechatpay-/i.test(key));
    return { ...outgoing, headers: Object.fromEntries(kept) };
  }
  if (fault.kind === 'stale_timestamp') return stale(world, outgoing);
  return { ...outgoing, headers };
}

const half = (text: string): string => text.slice(0, Math.floor(text.length / 2));

/** Changes one character in the middle: still Base64, no longer the signature. */
export function flip(signature: string): string {
  const at = Math.floor(signature.length / 2);
  const other = signature[at] === 'A' ? 'B' : 'A';
  return `${signature.slice(0, at)}${other}${signature.slice(at + 1)}`;
}

/** Rightly signed, but ten minutes ago. */
function stale(world: World, outgoing: Outgoing): Outgoing {
  const timestamp = String(Math.floor(world.wireNowMs() / 1000) - 600);
  const old = signatureHeaders(world, outgoing.body, { key: world.callbackKey(), timestamp });
  return { ...outgoing, headers: { ...outgoing.headers, ...old } };
}
