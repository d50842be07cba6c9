import { merchantLine, positionals, readArgs } from './args';
import { connect, CONNECT_OPTIONS, type Connection } from './connect';
import { isJson } from './http';
import { UsageError, type Command, type Io } from './io';
import { createProgress, type Progress } from './progress';
import { table } from './table';
import type { Json } from '../utils/json';

/** A cell of a list: text as it is, what is missing as nothing. */
const cell = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

function amountOf(record: Json): string {
  const { amount, transfer_amount, sub_orders } = record;
  if (isJson(amount)) return cell(amount['total']);
  if (Array.isArray(sub_orders)) {
    const parts = sub_orders.map((sub: unknown) =>
      isJson(sub) && isJson(sub['amount']) ? Number(sub['amount']['total_amount']) : 0,
    );
    return String(parts.reduce((a, b) => a + b, 0));
  }
  return cell(transfer_amount);
}

/** Of a combination: each shop once. */
function shopsOf({ sub_mchid, sub_orders }: Json): string {
  const parts = (Array.isArray(sub_orders) ? sub_orders : []).filter(isJson);
  const shops = [sub_mchid, ...parts.map((part) => part['sub_mchid'])].map(cell);
  return [...new Set(shops.filter((shop) => shop !== ''))].join(' ');
}

function printList(io: Io, data: Json): void {
  const records = (Array.isArray(data['records']) ? data['records'] : []).filter(isJson);
  // A merchant of its own has no shops: no column.
  const shops = records.some((record) => shopsOf(record) !== '');
  const rows = records.map((record) => [
    cell(record['kind']),
    cell(record['no']),
    ...(shops ? [shopsOf(record)] : []),
    cell(record['state']),
    amountOf(record),
    cell(record['created_at']),
    cell(record['due_at']),
  ]);
  const shop = shops ? ['sub_mchid'] : [];
  io.out(
    rows.length === 0
      ? '没有记录 no records\n'
      : table(['kind', 'no', ...shop, 'state', '金额fen', 'created_at', 'due_at'], rows),
  );
  if (typeof data['next'] === 'string') io.out(`下一页 next page: --after ${data['next']}\n`);
}

type Query = Readonly<Record<string, string | undefined>>;

const list = (connection: Connection, query: Query): Promise<Json> =>
  connection.call({ action: 'wxpay_records', body: query });

/** Pages of the most records that the route gives. */
const PAGE = '100';

const DAMAGED_COLUMNS = ['kind', 'no', 'damage', 'created_at'] as const;

/** Records that are not believed. The service looks at so many rows a page, so a page may be empty. */
async function findDamaged(
  connection: Connection,
  query: Query,
  progress: Progress,
): Promise<readonly Json[]> {
  const found: Json[] = [];
  for (let after: string | undefined; ;) {
    const data = await list(connection, { ...query, state: 'damaged', limit: PAGE, after });
    found.push(...(Array.isArray(data['records']) ? data['records'] : []).filter(isJson));
    progress.say(`不可信的记录 damaged records ${found.length}`);
    if (typeof data['next'] !== 'string') return found;
    after = data['next'];
  }
}

const damagedTable = (found: readonly Json[]): string =>
  found.length === 0
    ? '没有不可信的记录 no damaged records\n'
    : table(
        DAMAGED_COLUMNS,
        found.map((one) => DAMAGED_COLUMNS.map((name) => cell(one[name]))),
      );

const DEAD_COLUMNS = ['kind', 'no', 'effect', 'type', 'error'] as const;
type Dead = Readonly<Record<(typeof DEAD_COLUMNS)[number], string>>;

/**
 * Every effect that was given up, oldest records last. The list knows no such filter, so all records of the time asked
 * for are looked through: give `--from`, or a kind, on a large database.
 */
async function findDead(
  connection: Connection,
  query: Query,
  progress: Progress,
): Promise<readonly Dead[]> {
  const found: Dead[] = [];
  let looked = 0;
  for (let after: string | undefined; ;) {
    const data = await list(connection, { ...query, limit: PAGE, after });
    const records = (Array.isArray(data['records']) ? data['records'] : []).filter(isJson);
    for (const record of records) found.push(...deadOf(record));
    looked += records.length;
    progress.say(`已查看记录 records looked at ${looked}，放弃的事件 dead effects ${found.length}`);
    if (typeof data['next'] !== 'string') return found;
    after = data['next'];
  }
}

const deadTable = (dead: readonly Dead[]): string =>
  dead.length === 0
    ? '没有放弃的事件 no dead effects\n'
    : table(
        DEAD_COLUMNS,
        dead.map((one) => DEAD_COLUMNS.map((name) => one[name])),
      );

function deadOf(record: Json): Dead[] {
  const effects = (Array.isArray(record['effects']) ? record['effects'] : []).filter(isJson);
  return effects
    .filter((effect) => effect['state'] === 'dead')
    .map((effect) => ({
      kind: cell(record['kind']),
      no: cell(record['no']),
      effect: cell(effect['id']),
      type: cell(effect['type']),
      error: cell(effect['error']),
    }));
}

export const records: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    ...CONNECT_OPTIONS,
    kind: { type: 'string' },
    state: { type: 'string' },
    payer: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
    after: { type: 'string' },
    json: { type: 'boolean' },
    progress: { type: 'boolean' },
  });
  const { env: _env, url: _url, merchant, json, progress: asked = false, ...query } = values;
  const [action = 'list', kind = '', no = '', effect] = given;
  if (['list', 'dead', 'damaged'].includes(action)) positionals(given, 0, 1);
  else if (action === 'get') positionals(given, 3);
  else if (action === 'redeliver') positionals(given, 3, 4);
  else throw new UsageError(`records list | dead | damaged | get | redeliver，不是 not ${action}`);
  const progress = createProgress(io, asked);
  const connection = await connect(io, values);
  try {
    if (action === 'list') {
      const data = await list(connection, query);
      if (json === true) io.out(`${JSON.stringify(data)}\n`);
      else {
        io.out(merchantLine(merchant));
        printList(io, data);
      }
      return 0;
    }
    if (action === 'dead') {
      const dead = await findDead(connection, query, progress);
      progress.end();
      io.out(
        json === true ? `${JSON.stringify({ dead })}\n` : merchantLine(merchant) + deadTable(dead),
      );
      return 0;
    }
    if (action === 'damaged') {
      const damaged = await findDamaged(connection, query, progress);
      progress.end();
      io.out(
        json === true
          ? `${JSON.stringify({ damaged })}\n`
          : merchantLine(merchant) + damagedTable(damaged),
      );
      return 0;
    }
    const data = await connection.call(
      action === 'get'
        ? { action: 'wxpay_record', body: { kind, no } }
        : { action: 'wxpay_redeliver', body: { kind, no, effect_id: effect } },
    );
    io.out(`${JSON.stringify(data, null, json === true ? undefined : 2)}\n`);
    return 0;
  } finally {
    progress.end();
    await connection.close();
  }
};
