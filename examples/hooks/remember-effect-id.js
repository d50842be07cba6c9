/**
 * A hooks module that does its work once, however often it is called.
 *
 * A call may come twice: when the process ends between your work and our mark that it is done. So the effect
 * id is written in the SAME transaction as the work. Either both are there or neither is.
 *
 * Run: SHOP_DB=shop.db hooksModule=examples/hooks/remember-effect-id.js npm start
 */
'use strict';

const Database = require('libsql');

const db = new Database(process.env.SHOP_DB || 'shop.db');
db.exec('PRAGMA journal_mode = WAL');
db.exec('PRAGMA busy_timeout = 5000');
db.exec(`
  CREATE TABLE IF NOT EXISTS effects_done (effect_id TEXT PRIMARY KEY, type TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS shop_orders (
    out_trade_no TEXT PRIMARY KEY,
    price_fen INTEGER NOT NULL,
    state TEXT NOT NULL,
    transaction_id TEXT,
    refunded_fen INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS shop_reviews (effect_id TEXT PRIMARY KEY, out_trade_no TEXT, why TEXT NOT NULL);
`);

/** Runs `work` and remembers the effect, both or neither; a second call with the same id does nothing. */
function once({ effectId, type }, work) {
  db.exec('BEGIN IMMEDIATE');
  try {
    const seen = db.prepare('SELECT 1 FROM effects_done WHERE effect_id = ?').get(effectId);
    if (seen === undefined) {
      db.prepare('INSERT INTO effects_done (effect_id, type) VALUES (?, ?)').run(effectId, type);
      work();
    }
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error; // It will be called again.
  }
}

/** For a person to look at. Throwing would only have us called again with the same facts. */
function review(effectId, params, why) {
  db.prepare('INSERT INTO shop_reviews (effect_id, out_trade_no, why) VALUES (?, ?, ?)').run(
    effectId,
    params.out_trade_no ?? null,
    why,
  );
}

/** Paid: params.trade_state is SUCCESS, always. */
exports.handlerUnifiedTrigger = (params, meta) => {
  once(meta, () => {
    const order = db
      .prepare('SELECT * FROM shop_orders WHERE out_trade_no = ?')
      .get(params.out_trade_no ?? '');
    if (order === undefined) return review(meta.effectId, params, 'unknown order');
    // The client may have chosen the amount: our own price decides whether this order is paid for.
    if (params.amount.total !== order.price_fen) return review(meta.effectId, params, 'amount');
    if (order.state !== 'OPEN') return review(meta.effectId, params, `paid while ${order.state}`);
    db.prepare(
      "UPDATE shop_orders SET state = 'PAID', transaction_id = ? WHERE out_trade_no = ?",
    ).run(params.transaction_id, params.out_trade_no);
  });
};

exports.handlerRefundTrigger = (params, meta) => {
  once(meta, () => {
    if (params.refund_status !== 'SUCCESS') {
      return review(meta.effectId, params, `refund ${params.refund_status}`);
    }
    const done = db
      .prepare('UPDATE shop_orders SET refunded_fen = refunded_fen + ? WHERE out_trade_no = ?')
      .run(params.amount.refund, params.out_trade_no);
    if (done.changes === 0) review(meta.effectId, params, 'unknown order');
  });
};

/** What is no payment: order.closed, order.mismatch, order.refunded_elsewhere, order.adopted unpaid. */
exports.handlerOther = (params, meta) => {
  once(meta, () => {
    if (meta.type !== 'order.closed') return review(meta.effectId, params, meta.type);
    db.prepare(
      "UPDATE shop_orders SET state = 'CLOSED' WHERE out_trade_no = ? AND state = 'OPEN'",
    ).run(params.out_trade_no ?? '');
  });
};
