/** Several instances on one database: MariaDB or MySQL, and PostgreSQL, where they answer. */
import net from 'node:net';
import { createRequire } from 'node:module';
import { median, round } from '../lib/load.mjs';
import { ordersThenCallbacks, warmUp } from '../lib/phases.mjs';

export const about = 'MariaDB and PostgreSQL with 1, 2 and 4 instances (--only=mysql)';

const INSTANCES = [1, 2, 4];
const ANSWER_MS = 2000;
const require = createRequire(import.meta.url);

/**
 * Administrator's URLs without a database; a database of its own is made for each run and dropped.
 */
const SERVERS = {
  mysql: { variable: 'BENCH_MYSQL_URL', usual: 'mysql://root@127.0.0.1:3306', home: '' },
  postgres: {
    variable: 'BENCH_POSTGRES_URL',
    usual: 'postgres://postgres@127.0.0.1:5432',
    home: 'postgres',
  },
};

const answers = ({ hostname, port }) =>
  new Promise((resolve) => {
    const socket = net.connect({ host: hostname, port: Number(port), timeout: ANSWER_MS });
    const end = (good) => () => {
      socket.destroy();
      resolve(good);
    };
    socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false));
  });

async function ask(kind, url, sql) {
  if (kind === 'mysql') {
    const connection = await require('mysql2/promise').createConnection({ uri: url });
    const [rows] = await connection.query(sql);
    await connection.end();
    return rows;
  }
  const client = new (require('pg').Client)({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

async function withDatabase(world, { kind, base }, work) {
  const { home } = SERVERS[kind];
  const name = `pay_bench_${String(process.pid)}_${String(Date.now())}`;
  const at = (database) => Object.assign(new URL(base), { pathname: `/${database}` }).href;
  const force = kind === 'postgres' ? ' WITH (FORCE)' : '';
  const drop = () => ask(kind, at(home), `DROP DATABASE IF EXISTS ${name}${force}`);
  world.undo.add(drop);
  await ask(kind, at(home), `CREATE DATABASE ${name}`);
  try {
    return await work(at(name));
  } finally {
    await drop();
    world.undo.delete(drop);
  }
}

async function instances(world, databaseUrl, { how, count, rounds }) {
  const running = [];
  for (let i = 0; i < how; i++) running.push(await world.service({ databaseUrl }));
  try {
    await warmUp(world, running);
    const all = [];
    for (let i = 0; i < rounds; i++) all.push(await ordersThenCallbacks(world, running, count));
    const of = (name, digits) => round(median(all.map((one) => one[name])), digits);
    return {
      instances: how,
      orders: of('orders'),
      callbacks: of('callbacks'),
      // A stall in one round does not show in a median.
      worstOrders: round(Math.min(...all.map(({ orders }) => orders))),
      worstCallbacks: round(Math.min(...all.map(({ callbacks }) => callbacks))),
      orderCpuMs: of('orderCpuMs', 2),
      callbackCpuMs: of('callbackCpuMs', 2),
      notAnswered: all.reduce((sum, { bad }) => sum + bad, 0),
    };
  } finally {
    for (const one of running) await one.stop();
  }
}

export async function run({ world, flags, count, rounds }) {
  const result = {};
  for (const [kind, { variable, usual, home }] of Object.entries(SERVERS)) {
    if (flags.only !== undefined && flags.only !== kind) continue;
    const base = process.env[variable] ?? usual;
    if (!(await answers(new URL(base)))) {
      result[kind] = { skipped: `nothing answers at ${new URL(base).host}; set ${variable}` };
      continue;
    }
    const admin = Object.assign(new URL(base), { pathname: `/${home}` }).href;
    const [version] = await ask(kind, admin, 'SELECT version() AS version');
    result[kind] = { version: String(version.version).split(' on ')[0], runs: [] };
    for (const how of INSTANCES) {
      const one = await withDatabase(world, { kind, base }, (url) =>
        instances(world, url, { how, count, rounds }),
      );
      result[kind].runs.push(one);
    }
  }
  return result;
}
