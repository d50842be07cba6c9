/** Receives effects: verifies each, compares the amount, does its work once. See README.md. */
'use strict';

const express = require('express');
const Database = require('libsql');
const { Webhook } = require('standardwebhooks');

function createReceiver({ secret, db }) {
  // A whsec_ secret is base64; any other is taken as it is.
  const webhook = new Webhook(secret, secret.startsWith('whsec_') ? {} : { format: 'raw' });
  db.exec(`CREATE TABLE IF NOT EXISTS effects_done (id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS shop_orders (out_trade_no TEXT PRIMARY KEY,
      price_fen INTEGER NOT NULL, state TEXT NOT NULL)`);
  const set = db.prepare('UPDATE shop_orders SET state = ? WHERE out_trade_no = ?');

  function work({ type, data }) {
    if (type !== 'order.paid' && type !== 'order.paid_after_close') return;
    const order = db
      .prepare('SELECT price_fen FROM shop_orders WHERE out_trade_no = ?')
      .get(data.out_trade_no ?? '');
    // The client may have chosen the amount: only our own price says what the order costs.
    if (order)
      set.run(data.payment.total === order.price_fen ? 'PAID' : 'REVIEW', data.out_trade_no);
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
