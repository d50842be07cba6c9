/** The sink that the settings name. */
import type { EffectSink } from '../../config/types';
import { createAmqpSink } from './amqpSink';
import { createHooksSink, type Environment } from './hooks/hooksSink';
import type { Sink, SinkDeps } from './sink';
import { createWebhookSink } from './webhookSink';

export interface CreateSinkDeps extends SinkDeps {
  /** For hooks alone: the process's environment, of which our own secrets are withheld. */
  readonly env: Environment;
}

/**
 * @returns undefined where none is configured: effects are then kept as `skipped`.
 * Opens nothing; amqplib and threads are loaded by the first delivery that needs them.
 */
export function createSink(sink: EffectSink, deps: CreateSinkDeps): Sink | undefined {
  const { clock, logger, env } = deps;
  switch (sink.kind) {
    case 'none':
      return undefined;
    case 'webhook':
      return createWebhookSink({ url: sink.url, secrets: sink.secrets, clock, logger });
    case 'amqp':
      return createAmqpSink({ url: sink.url, clock, logger });
    case 'hooks':
      return createHooksSink({ path: sink.path, env, clock, logger });
  }
}
