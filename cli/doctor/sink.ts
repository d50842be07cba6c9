/** Does the receiver of effects listen? Only a connection is made: an invented effect would be acted on. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import type { EffectSink } from '../../config/types';
import { found, type Finding } from './findings';

const CONNECT_MS = 3_000;
const PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'amqp:': 5672,
  'amqps:': 5671,
};

export async function checkSink(sink: EffectSink, cwd: string): Promise<Finding[]> {
  switch (sink.kind) {
    case 'none':
      return [found('effects.none')];
    case 'hooks':
      return hooks(resolve(cwd, sink.path));
    case 'webhook':
    case 'amqp':
      return reach(new URL(sink.url));
  }
}

function hooks(path: string): Finding[] {
  const forms = ['', '.js', '.cjs', '.mjs', '/index.js', '/package.json'];
  const there = forms.some((end) => existsSync(path + end));
  return [found(there ? 'effects.hooks' : 'effects.hooks_missing')];
}

async function reach(url: URL): Promise<Finding[]> {
  const port = url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port);
  const reason = await connection(url.hostname.replace(/^\[|\]$/g, ''), port);
  if (reason === undefined) return [found('effects.reached')];
  return [found('effects.unreachable', { params: { host: url.host, reason } })];
}

/** undefined = connected. */
function connection(host: string, port: number): Promise<string | undefined> {
  return new Promise((settle) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (failure: string | undefined): void => {
      socket.destroy();
      settle(failure);
    };
    socket.once('connect', () => {
      end(undefined);
    });
    socket.once('timeout', () => {
      end('ETIMEDOUT');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end(error.code ?? error.name);
    });
  });
}
