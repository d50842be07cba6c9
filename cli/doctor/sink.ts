/** Does anybody listen where effects go? Asked by connecting alone: an invented effect would be acted on. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import type { EffectSink } from '../../config/types';
import { fault, ok, warn, type Finding } from './findings';

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
      return [
        ok('effects.none', [
          '未设置业务事件接收方：事件只记录不投递',
          'no receiver of effects is set: they are recorded, not delivered',
        ]),
      ];
    case 'hooks':
      return hooks(resolve(cwd, sink.path));
    case 'webhook':
    case 'amqp':
      return reach(new URL(sink.url));
  }
}

function hooks(path: string): Finding[] {
  const forms = ['', '.js', '.cjs', '.mjs', '/index.js', '/package.json'];
  if (forms.some((end) => existsSync(path + end))) {
    return [ok('effects.hooks', ['找到 hooksModule', 'hooksModule is there'])];
  }
  return [
    fault('effects.hooks_missing', ['找不到 hooksModule', 'hooksModule is not there'], {
      fix: ['路径相对于服务的工作目录', 'its path starts at the working folder of the service'],
    }),
  ];
}

async function reach(url: URL): Promise<Finding[]> {
  const port = url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port);
  const failure = await connection(url.hostname.replace(/^\[|\]$/g, ''), port);
  if (failure === undefined) {
    return [ok('effects.reached', ['业务事件接收方可达', 'the receiver of effects is reachable'])];
  }
  return [
    warn(
      'effects.unreachable',
      [
        `业务事件接收方不可达（${url.host} ${failure}）：事件会重试`,
        `the receiver of effects does not answer (${url.host} ${failure}): effects are repeated`,
      ],
      {
        fix: [
          '确认接收方已启动，且从服务所在网络可达',
          'check that it runs and can be reached from where the service runs',
        ],
      },
    ),
  ];
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
