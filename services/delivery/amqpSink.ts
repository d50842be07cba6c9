/**
 * Effects as AMQP 0-9-1 messages, confirmed by the broker. One connection, opened by the first delivery and
 * again after it was lost.
 *
 * A message that no queue takes counts as delivered, with a warning: receivers of a topic exchange bind the
 * types they want, and holding the rest back would hold up, by the order per record, what they do want.
 */
import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { DELIVERY_TIMEOUT_MS, DeliveryError, foreignCode, withDeadline } from './sink';
import type { Sink, SinkDeps } from './sink';
import type { CloudEvent } from '../ledger/effectTypes';

export const AMQP_EXCHANGE = 'pay-common';
const HEARTBEAT_SECONDS = 20;
const CONNECT_TIMEOUT_MS = 8_000;
const CLOSE_TIMEOUT_MS = 2_000;

export interface AmqpSinkOptions extends SinkDeps {
  readonly url: string;
  readonly timeoutMs?: number;
}

interface Link {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Message ids the broker gave back, until their confirm, which comes after. */
  readonly returned: Set<string>;
}

export function createAmqpSink(options: AmqpSinkOptions): Sink {
  const { logger } = options;
  const timeoutMs = options.timeoutMs ?? DELIVERY_TIMEOUT_MS;
  let link: Promise<Link> | undefined;
  let closed = false;

  const drop = (lost: Promise<Link> | undefined): void => {
    if (link === lost) link = undefined;
    void lost?.then(({ model }) => end(model), ignore);
  };

  const linked = (): Promise<Link> => {
    if (closed) return Promise.reject(new DeliveryError('sink_closed'));
    if (link !== undefined) return link;
    const opening = open(options.url, (reason) => {
      if (link !== opening) return;
      link = undefined;
      if (!closed) logger.warn({ kind: 'amqp', reason }, 'amqp connection lost');
    });
    link = opening;
    void opening.then(undefined, () => {
      drop(opening);
    });
    return opening;
  };

  const publish = async (event: CloudEvent): Promise<'delivered'> => {
    const { channel, returned } = await linked();
    await confirmed(channel, event);
    if (returned.delete(event.id)) {
      logger.warn(
        { kind: 'amqp', effect_id: event.id, type: event.type },
        'effect taken by no queue',
      );
    }
    return 'delivered';
  };

  return {
    kind: 'amqp',
    async deliver(event: CloudEvent, signal?: AbortSignal): Promise<'delivered'> {
      const work = publish(event);
      const using = link;
      try {
        // A broker that neither confirms nor refuses may be half gone: the next delivery connects again.
        return await withDeadline(work, {
          timeoutMs,
          signal,
          onEnd: () => {
            drop(using);
          },
        });
      } catch (error) {
        if (error instanceof DeliveryError) throw error;
        throw new DeliveryError('broker_unconfirmed', reasonOf(error), { cause: error });
      }
    },
    async close() {
      closed = true;
      const last = link;
      link = undefined;
      if (last === undefined) return;
      await last.then(({ model }) => end(model), ignore);
    },
  };
}

async function open(url: string, onLost: (reason: string) => void): Promise<Link> {
  // Loaded by the first delivery: unused, it costs the start of the process nothing.
  const { connect } = await import('amqplib');
  const model = await connect(withHeartbeat(url), {
    timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    noDelay: true,
    clientProperties: { connection_name: 'pay-common' },
  });
  // An `error` without a listener would end the process; `close` follows it and is what we act on.
  model.on('error', ignore);
  model.on('close', (error?: Error) => {
    onLost(error === undefined ? 'closed' : foreignCode(error));
  });
  try {
    const channel = await model.createConfirmChannel();
    const returned = new Set<string>();
    channel.on('error', ignore);
    // A refused declaration closes only the channel; without one the connection is of no use.
    channel.on('close', () => {
      onLost('channel closed');
      void end(model);
    });
    channel.on('return', (message: Message) => {
      returned.add(String(message.properties.messageId));
    });
    await channel.assertExchange(AMQP_EXCHANGE, 'topic', { durable: true });
    return { model, channel, returned };
  } catch (error) {
    await end(model);
    throw error;
  }
}

function confirmed(channel: ConfirmChannel, event: CloudEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(JSON.stringify(event));
    const properties = {
      persistent: true,
      mandatory: true,
      messageId: event.id,
      type: event.type,
      appId: 'pay-common',
      timestamp: Math.floor(Date.parse(event.time) / 1000),
      contentType: 'application/cloudevents+json',
    };
    channel.publish(AMQP_EXCHANGE, event.type, body, properties, (error: unknown) => {
      if (error === null || error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error('nack'));
    });
  });
}

/** amqplib puts the broker's own code, `403 (ACCESS-REFUSED)`, into the message alone. */
function reasonOf(error: unknown): string {
  const said = error instanceof Error ? error.message : '';
  const known = /\d{3} \([A-Z-]+\)|channel closed|message nacked|nack/i.exec(said);
  return known?.[0] ?? foreignCode(error);
}

/** Without heartbeats a connection cut in silence is found only by the next delivery's timeout. */
function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) {
    parsed.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  }
  return parsed.href;
}

/** Closes politely, and cuts the line to a broker that no longer answers. Never rejects. */
async function end(model: ChannelModel): Promise<void> {
  // amqplib has no abrupt end; its socket is where every version so far keeps it.
  const { stream } = model.connection as { readonly stream?: { destroy?: () => void } };
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      stream?.destroy?.();
      resolve();
    }, CLOSE_TIMEOUT_MS);
    const ended = (): void => {
      clearTimeout(timer);
      resolve();
    };
    // `close` throws at once where the connection is closed already, and never ends where the line is
    // cut while it waits for the broker's word.
    model.once('close', ended);
    void Promise.resolve()
      .then(() => model.close())
      .then(ended, ended);
  });
}

const ignore = (): void => undefined;
