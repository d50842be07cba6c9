/**
 * On a real broker: TEST_AMQP_URL, or RabbitMQ at its usual port. Where none answers the tests are skipped and
 * say so; with CI=true they fail.
 */
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect } from 'amqplib';
import type { Channel, ChannelModel, GetMessage } from 'amqplib';
import { createAmqpSink, AMQP_EXCHANGE } from '../../services/delivery/amqpSink';
import type { CloudEvent } from '../../services/ledger/effectTypes';
import type { EffectType } from '../../services/ledger/record';
import { systemClock } from '../../utils/clock';
import { silentLogger, type LogFields } from '../../utils/logger';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { anEvent } from '../unit/effects/helpers';

const URL_SET = process.env['TEST_AMQP_URL'];
const BROKER = new URL(URL_SET ?? 'amqp://guest:guest@127.0.0.1:5672');

let model: ChannelModel | undefined;
let channel: Channel | undefined;
let queue = '';
const opened: { close(): unknown }[] = [];
const LOOK_MS = 5;

/** Before the tests are named, so that they count as skipped and not as passed. */
function answers(): boolean {
  const probe = `require('net').connect(${String(portOf())}, ${JSON.stringify(BROKER.hostname)})
    .setTimeout(30000, () => process.exit(1)).on('error', () => process.exit(1))
    .on('connect', () => process.exit(0))`;
  return spawnSync(process.execPath, ['-e', probe]).status === 0;
}
const UP = answers();
const MUST = process.env['CI'] === 'true' || URL_SET !== undefined;
if (!UP && !MUST) {
  process.stderr.write(`SKIPPED effects over AMQP: no broker answers at ${BROKER.host}\n`);
}

beforeAll(async () => {
  if (!UP && !MUST) return;
  model = await connect(BROKER.href, { timeout: 60_000 });
  channel = await model.createChannel();
  await channel.assertExchange(AMQP_EXCHANGE, 'topic', { durable: true });
  queue = (await channel.assertQueue('', { exclusive: true, autoDelete: true })).queue;
});

afterEach(async () => {
  freeTimers();
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await model?.close();
});

/** A test on the broker, with a queue bound to the types it names. */
function onBroker(name: string, types: readonly string[], run: () => Promise<void>): void {
  (UP || MUST ? it : it.skip)(name, async () => {
    if (channel === undefined) throw new Error('no broker');
    await channel.purgeQueue(queue);
    for (const type of types) await channel.bindQueue(queue, AMQP_EXCHANGE, type);
    try {
      await run();
    } finally {
      for (const type of types) await channel.unbindQueue(queue, AMQP_EXCHANGE, type);
    }
  });
}

let made = 0;
/** An id of its own: other runs share the exchange. */
function uniqueEvent(type: EffectType = 'order.paid'): CloudEvent {
  made += 1;
  const id = `ef_${`${String(process.pid)}${String(Date.now())}${String(made)}`.padStart(32, '0')}`;
  return { ...anEvent(type), id };
}

async function take(event: CloudEvent): Promise<GetMessage | undefined> {
  const taken: { message?: GetMessage } = {};
  const look = async (): Promise<boolean> => {
    const message = await channel?.get(queue, { noAck: true });
    if (typeof message === 'object') taken.message = message;
    return taken.message?.properties.messageId === event.id;
  };
  await until(`the broker has ${event.id}`, look, LOOK_MS);
  return taken.message;
}

function sinkAt(url: string, timeoutMs = 60_000) {
  const warned: { fields: LogFields; event: string }[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: LogFields, event: string) => void warned.push({ fields, event }),
  };
  const sink = createAmqpSink({ url, clock: systemClock, logger, timeoutMs });
  opened.push(sink);
  return { sink, warned };
}

/** Stands between sink and broker, so that a test can cut or freeze the line. */
async function line(
  to: { host: string; port: number } = { host: BROKER.hostname, port: portOf() },
) {
  const sockets = new Set<net.Socket>();
  let frozen = false;
  let connections = 0;
  const server = net.createServer((socket) => {
    connections += 1;
    const onward = net.connect(to);
    for (const [from, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => {
        if (!frozen) other.write(data);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  opened.push({
    close: () => {
      cut();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  const url = `amqp://${BROKER.username}:${BROKER.password}@127.0.0.1:${String(port)}${BROKER.pathname}`;
  return { url, cut, freeze: (on: boolean) => void (frozen = on), count: () => connections };
}
function portOf(): number {
  return Number(BROKER.port === '' ? 5672 : BROKER.port);
}

onBroker('publishes persistent, routed by type, under the effect id', ['order.paid'], async () => {
  const { sink, warned } = sinkAt(BROKER.href);
  const event = uniqueEvent();
  expect(await sink.deliver(event)).toBe('delivered');
  const message = await take(event);
  expect(message?.fields).toMatchObject({ exchange: AMQP_EXCHANGE, routingKey: 'order.paid' });
  expect(message?.properties).toMatchObject({
    messageId: event.id,
    contentType: 'application/cloudevents+json',
    deliveryMode: 2,
    type: 'order.paid',
  });
  expect(JSON.parse(message?.content.toString() ?? '')).toEqual(event);
  expect(warned).toEqual([]);
});

onBroker('counts what no queue takes as delivered, and warns', [], async () => {
  const { sink, warned } = sinkAt(BROKER.href);
  const event = { ...uniqueEvent(), type: 'order.nobody' } as unknown as CloudEvent;
  expect(await sink.deliver(event)).toBe('delivered');
  expect(warned).toMatchObject([
    { event: 'effect taken by no queue', fields: { effect_id: event.id } },
  ]);
});

onBroker('uses one connection, and a new one after it was cut', ['order.paid'], async () => {
  const { url, cut, count } = await line();
  const { sink, warned } = sinkAt(url);
  const events = [uniqueEvent(), uniqueEvent(), uniqueEvent(), uniqueEvent()] as const;
  await Promise.all([sink.deliver(events[0]), sink.deliver(events[1])]);
  await sink.deliver(events[2]);
  expect(count()).toBe(1);
  cut();
  // The cut is noticed at some moment; until then a delivery may fail, and is then repeated.
  let outcome: unknown;
  for (let i = 0; i < 20 && outcome !== 'delivered'; i += 1) {
    outcome = await sink.deliver(events[3]).catch(() => undefined);
  }
  expect(outcome).toBe('delivered');
  expect(count()).toBe(2);
  expect(await take(events[3])).toBeDefined();
  expect(warned).toMatchObject([{ event: 'amqp connection lost' }]);
});

onBroker(
  'fails a delivery cut before its confirm, and is usable after',
  ['order.paid'],
  async () => {
    const { url, cut, freeze } = await line();
    const { sink } = sinkAt(url);
    await sink.deliver(uniqueEvent());
    freeze(true);
    const event = uniqueEvent();
    const delivering = sink.deliver(event);
    setTimeout(cut, 20);
    await expect(delivering).rejects.toThrow('broker did not confirm');
    freeze(false);
    expect(await sink.deliver(event)).toBe('delivered');
    expect(await take(event)).toBeDefined();
  },
);

onBroker('does not wait for a broker that has gone silent', ['order.paid'], async () => {
  const { url, freeze, count } = await line();
  const { sink } = sinkAt(url, 300);
  holdTimers();
  await sink.deliver(uniqueEvent());
  freeze(true);
  const unheard = watched(sink.deliver(uniqueEvent()));
  await passTime(299);
  expect(unheard.settled()).toBe(false);
  await passTime(1);
  await expect(unheard.work).rejects.toThrow('300 ms');
  freeze(false);
  expect(await sink.deliver(uniqueEvent())).toBe('delivered');
  expect(count()).toBe(2);
});

onBroker('fails without harm where the password is wrong', [], async () => {
  const url = new URL(BROKER.href);
  url.password = 'wrong-pa55word';
  const { sink } = sinkAt(url.href);
  const error = await sink.deliver(uniqueEvent()).then(
    () => undefined,
    (e: unknown) => e as Error,
  );
  expect(error?.message).toBe('broker did not confirm: 403 (ACCESS-REFUSED)');
  expect(error?.message).not.toContain('wrong-pa55word');
});

it('fails, and keeps nothing open, where nobody listens', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { sink } = sinkAt(`amqp://127.0.0.1:${String(port)}`);
  await expect(sink.deliver(uniqueEvent())).rejects.toThrow('ECONNREFUSED');
  await sink.close();
  await expect(sink.deliver(uniqueEvent())).rejects.toThrow('closed');
});
