/**
 * Loaded before the service: its clock runs ahead. A lease lasts 30 s and a refund is looked at after a
 * minute; a test that starts everything anew "two minutes later" need not wait for them.
 */
'use strict';

const aheadMs = Number(process.env.CLOCK_AHEAD_MS ?? '0');
const RealDate = Date;
const now = () => RealDate.now() + aheadMs;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given));
  }

  static now() {
    return now();
  }
};
