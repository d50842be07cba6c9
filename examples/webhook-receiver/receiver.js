/** Receives effects: verifies each, compares the amount, does its work once. See README.md. */
'use strict';

const express = require('express');
const Database = require('libsql');
const { Webhook } = require('standardwebhooks');

const PAID = new Set(['order.paid', 'order.paid_after_close']);
const FOR_REVIEW = new Set(['order.mismatch', 'order.adopted', 'order.refunded_elsewhere']);

function createReceiver({ secret, db }) {
  // A whsec_ secret is base64; any other is taken as it is.
  const webhook = new Webhook(secret, secret.startsWith('whsec_') ? {} : { format: 'raw' });
  db.exec(`CREATE TABLE IF NOT EXISTS effects_done (id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS shop_orders (out_trade_no TEXT PRIMARY KEY,
      price_fen INTEGER NOT NULL, state TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS shop_reviews (effect_id TEXT PRIMARY KEY,
      out_trade_no TEXT, why TEXT NOT NULL)`);
  const find = db.prepare('SELECT price_fen, state FROM shop_orders WHERE out_trade_no = ?');
  const set = db.prepare('UPDATE shop_orders SET state = ? WHERE out_trade_no = ?');
  const note = db.prepare('INSERT INTO shop_reviews VALUES (?, ?, ?)');

  /** Why a person must look at it, or undefined: money that came or went, and does not fit what the shop knows. */
  function doubtOf({ type, data }, order) {
    if (!FOR_REVIEW.has(type) && !PAID.has(type)) return undefined;
    if (!order) return 'unknown order';
    if (FOR_REVIEW.has(type)) return type;
    // The client may have chosen the amount: only our own price says what the order costs.
    return data.payment.total === order.price_fen ? undefined : 'amount';
  }

  function work(event) {
    const { id, type, data } = event;
    const no = data.out_trade_no ?? '';
    const order = find.get(no);
    const doubt = doubtOf(event, order);
    if (doubt !== undefined) {
      // Acknowledged, but not lost: it stands in the table that a person works through.
      note.run(id, no, doubt);
      set.run('REVIEW', no);
    } else if (PAID.has(type)) set.run('PAID', no);
  }

  const app = express();
  // The signature is over the bytes as they came: no JSON parser before it.
  app.post('/effects', express.raw({ type: () => true, limit: '256kb' }), (req, res) => {
    let event;
    try {
      event = webhook.verify(req.body, req.headers);
    } catch {
      return res.status(401).end();
    }
    db.exec('BEGIN IMMEDIATE');
    try {
      // The id is remembered with the work, in one transaction: both or neither.
      const first = db.prepare('INSERT OR IGNORE INTO effects_done (id) VALUES (?)').run(event.id);
      if (first.changes === 1) work(event);
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error; // 500: it comes again.
    }
    res.status(204).end();
  });
  return app;
}

module.exports = { createReceiver };

if (require.main === module) {
  const db = new Database(process.env.SHOP_DB || 'shop.db');
  createReceiver({ secret: process.env.WEBHOOK_SECRET, db }).listen(process.env.PORT || 4000);
}
