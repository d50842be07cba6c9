/** The merchant's receiver at a message broker: a queue of its own on the service's exchange. */
import { spawnSync } from 'node:child_process';
import { connect } from 'amqplib';
import { AMQP_EXCHANGE } from '../../services/delivery/amqpSink';
import type { CloudEvent } from '../../services/ledger/effectTypes';
import type { Arrival, Receiver } from './receiver';

const SET = process.env['TEST_AMQP_URL'];
export const BROKER = SET ?? 'amqp://guest:guest@127.0.0.1:5672';
const ANSWER_MS = 60_000;

/** @throws where CI is set and no broker answers: there, a skipped test would be a lie. */
export function hasBroker(): boolean {
  const { hostname, port } = new URL(BROKER);
  const probe =
    `const s = require('net').connect(${port || '5672'}, ${JSON.stringify(hostname)});` +
    `s.setTimeout(${String(ANSWER_MS)}, () => process.exit(1));` +
    "s.on('error', () => process.exit(1)).on('connect', () => process.exit(0))";
  if (spawnSync(process.execPath, ['-e', probe]).status === 0) return true;
  const why = `effects over AMQP: nothing answers at ${hostname}:${port || '5672'}`;
  if (process.env['CI'] === 'true' || SET !== undefined) throw new Error(why);
  process.stdout.write(`SKIPPED ${why}\n`);
  return false;
}

/** Numbers of their own, for all runs share one exchange. */
export const overAmqp = (): { readonly amqpPrefix: string } => ({
  amqpPrefix: `A${process.pid.toString(36)}${Date.now().toString(36)}`.toUpperCase(),
});

/** @param prefix  Of this world's numbers: other runs share the exchange. */
export async function createAmqpReceiver(prefix: string): Promise<Receiver> {
  const model = await connect(BROKER, { timeout: ANSWER_MS });
  const channel = await model.createChannel();
  await channel.assertExchange(AMQP_EXCHANGE, 'topic', { durable: true });
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  await channel.bindQueue(queue, AMQP_EXCHANGE, '#');
  const arrivals: Arrival[] = [];
  const forged: string[] = [];
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const text = message.content.toString('utf8');
      const event = JSON.parse(text) as CloudEvent;
      if (!event.subject.startsWith(prefix)) return;
      const { messageId, deliveryMode } = message.properties as unknown as Record<string, unknown>;
      if (deliveryMode !== 2) forged.push(`${String(messageId)} is not persistent`);
      if (message.fields.routingKey !== event.type) forged.push(`${String(messageId)}: its key`);
      arrivals.push({ id: String(messageId), event, text, kept: true });
    },
    { noAck: true },
  );
  return {
    // The broker keeps what it confirmed; there is nothing to refuse.
    settings: { amqpUrl: BROKER },
    arrivals,
    forged,
    failing: 0,
    close: () => model.close(),
  };
}
