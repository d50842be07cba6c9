/** The examples, run as a merchant would run them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'libsql';
import { createHooksSink } from '../../services/delivery/hooks/hooksSink';
import type { CloudEvent } from '../../services/ledger/effectTypes';
import { createWebhookSink } from '../../services/delivery/webhookSink';
import type { EffectType } from '../../services/ledger/record';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { until } from '../helpers/waiting';
import { anEvent, aPaidOrder, aPayment, eventOf } from '../unit/effects/helpers';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const deps = { clock: systemClock, logger: silentLogger };
let folder = '';
const opened: { close(): unknown }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pay-common-examples-'));
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

function shop(): Database.Database {
  const db = new Database(join(folder, 'shop.db'));
  opened.push(db);
  return db;
}
const orderOf = (db: Database.Database): unknown => db.prepare('SELECT * FROM shop_orders').get();

const paid = anEvent('order.paid');
const event = (type: EffectType, id: string): CloudEvent => ({ ...anEvent(type), id });
const cheap = { ...eventOf(aPaidOrder({ payment: aPayment({ total: 1 }) }), 'order.paid') };

describe('examples/hooks/remember-effect-id.js', () => {
  const SHOP_SQL =
    "INSERT INTO shop_orders (out_trade_no, price_fen, state) VALUES ('ORDER0001', 100, 'OPEN')";

  async function running() {
    const sink = createHooksSink({
      path: resolve(__dirname, '../../examples/hooks/remember-effect-id.js'),
      env: { SHOP_DB: join(folder, 'shop.db') },
      ...deps,
    });
    opened.push(sink);
    // The module makes its tables when it is loaded.
    await sink.deliver(event('order.created', 'ef_0'));
    const db = shop();
    db.exec(SHOP_SQL);
    return { sink, db };
  }

  it('does the work of an effect once, however often it comes', async () => {
    const { sink, db } = await running();
    await sink.deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'PAID', refunded_fen: 0 });
    const refunded = event('refund.succeeded', 'ef_refund');
    await sink.deliver(refunded);
    await sink.deliver(refunded);
    await sink.deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'PAID', refunded_fen: 40 });
  });

  it('does not take a payment of another amount for the price', async () => {
    const { sink, db } = await running();
    await sink.deliver(cheap);
    expect(orderOf(db)).toMatchObject({ state: 'OPEN' });
    expect(db.prepare('SELECT why FROM shop_reviews').all()).toMatchObject([{ why: 'amount' }]);
  });

  it('puts money of an order that the shop does not know before a person', async () => {
    const { sink, db } = await running();
    db.exec('DELETE FROM shop_orders');
    await sink.deliver(paid);
    await sink.deliver(event('refund.succeeded', 'ef_refund'));
    expect(db.prepare('SELECT why FROM shop_reviews').all()).toMatchObject([
      { why: 'unknown order' },
      { why: 'unknown order' },
    ]);
  });

  it('puts a payment of an order that the shop has closed before a person', async () => {
    const { sink, db } = await running();
    db.exec("UPDATE shop_orders SET state = 'CLOSED'");
    await sink.deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'CLOSED' });
    expect(db.prepare('SELECT why FROM shop_reviews').all()).toMatchObject([
      { why: 'paid while CLOSED' },
    ]);
  });

  it('does not take a mismatch for a payment', async () => {
    const { sink, db } = await running();
    await sink.deliver(event('order.mismatch', 'ef_1'));
    expect(orderOf(db)).toMatchObject({ state: 'OPEN' });
    expect(db.prepare('SELECT why FROM shop_reviews').all()).toMatchObject([
      { why: 'order.mismatch' },
    ]);
  });

  it('remembers nothing of work that failed', async () => {
    const { sink, db } = await running();
    db.exec('ALTER TABLE shop_orders RENAME TO away');
    await expect(sink.deliver(paid)).rejects.toThrow('hook failed');
    expect(db.prepare('SELECT count(*) AS n FROM effects_done').get()).toMatchObject({ n: 0 });
    db.exec('ALTER TABLE away RENAME TO shop_orders');
    await sink.deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'PAID' });
  });
});

describe('examples/webhook-receiver', () => {
  const program = resolve(__dirname, '../../examples/webhook-receiver/receiver.js');

  async function freePort(): Promise<number> {
    const server = http.createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    return port;
  }

  async function running(): Promise<{ url: string; db: Database.Database }> {
    const port = await freePort();
    const env = {
      PATH: process.env['PATH'],
      PORT: String(port),
      SHOP_DB: join(folder, 'shop.db'),
      WEBHOOK_SECRET: SECRET,
    };
    const child: ChildProcess = spawn(process.execPath, [program], { env, stdio: 'ignore' });
    opened.push({
      close: () =>
        new Promise((done) => {
          child.once('exit', done);
          child.kill('SIGKILL');
        }),
    });
    const url = `http://127.0.0.1:${String(port)}/effects`;
    await answering(url);
    const db = shop();
    db.exec("INSERT INTO shop_orders VALUES ('ORDER0001', 100, 'OPEN')");
    return { url, db };
  }

  async function answering(url: string): Promise<void> {
    const answers = () =>
      fetch(url, { method: 'POST' }).then(
        () => true,
        () => false,
      );
    await until('the receiver answers', answers, 25);
  }

  function sinkTo(url: string, secret = SECRET) {
    const sink = createWebhookSink({ url, secrets: [secret], ...deps });
    opened.push(sink);
    return sink;
  }

  it('marks what was paid at its price, once, and believes nobody else', async () => {
    const { url, db } = await running();
    await expect(sinkTo(url, 'whsec_AAAAAAAA').deliver(paid)).rejects.toThrow('HTTP 401');
    expect(orderOf(db)).toMatchObject({ state: 'OPEN' });
    await sinkTo(url).deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'PAID' });
    db.exec("UPDATE shop_orders SET state = 'SENT'");
    await sinkTo(url).deliver(paid);
    expect(orderOf(db)).toMatchObject({ state: 'SENT' });
  });

  it('puts money of an order that the shop does not know before a person, once', async () => {
    const { url, db } = await running();
    db.exec('DELETE FROM shop_orders');
    await sinkTo(url).deliver(paid);
    await sinkTo(url).deliver(paid);
    expect(db.prepare('SELECT out_trade_no, why FROM shop_reviews').all()).toEqual([
      { out_trade_no: 'ORDER0001', why: 'unknown order' },
    ]);
  });

  it('does not pass over what is no plain payment', async () => {
    const { url, db } = await running();
    const types = ['order.mismatch', 'order.adopted', 'order.refunded_elsewhere'] as const;
    for (const type of types) await sinkTo(url).deliver(event(type, `ef_${type}`));
    await sinkTo(url).deliver(event('order.created', 'ef_created'));
    expect(orderOf(db)).toMatchObject({ state: 'REVIEW' });
    const whys = db.prepare('SELECT why FROM shop_reviews').all() as { why: string }[];
    expect(whys.map(({ why }) => why)).toEqual([...types]);
  });

  it('compares the amount', async () => {
    const { url, db } = await running();
    await sinkTo(url).deliver(cheap);
    expect(orderOf(db)).toMatchObject({ state: 'REVIEW' });
  });
});
