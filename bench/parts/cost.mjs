/**
 * Arithmetic, not a measurement: what a million orders cost where a function is billed by memory ×
 * time, by call and by traffic. Prices and times are assumptions, each of which a flag replaces
 * (`--gbSecond=0.0001`).
 */
import { round } from '../lib/load.mjs';

export const about = "a million orders on SCF's price model (arithmetic, prices by flag)";

export const ASSUMED = {
  // Yuan, list prices without packages, discounts or free quota: check them before relying on the
  // sum.
  gbSecond: 0.00011108,
  tenThousandCalls: 0.0133,
  trafficGb: 0.8,
  memoryGb: 0.25,
  // Milliseconds of billed time. An order and a query wait for WeChat, which is most of it.
  orderMs: 150,
  callbackMs: 30,
  queryMs: 130,
  queriesPerOrder: 1,
  // Bytes that leave: the answer to the front end, the request to WeChat, the answer to the
  // callback.
  bytesPerOrder: 3500,
  /** Requests that share an instance: 1 is the platform's default. */
  concurrency: 1,
  sweepsPerMonth: 43_200,
  sweepMs: 50,
  ordersPerMonth: 1_000_000,
};

export function costOf(given) {
  const { orderMs, callbackMs, queryMs, queriesPerOrder, concurrency, memoryGb } = given;
  const million = 1_000_000;
  const perOrderMs = (orderMs + callbackMs + queryMs * queriesPerOrder) / concurrency;
  const sweeps = (given.sweepsPerMonth * million) / given.ordersPerMonth;
  const gbSeconds = ((perOrderMs * million + sweeps * given.sweepMs) / 1000) * memoryGb;
  const calls = (2 + queriesPerOrder) * million + sweeps;
  const trafficGb = (given.bytesPerOrder * million) / 1e9;
  const time = gbSeconds * given.gbSecond;
  const called = (calls / 10_000) * given.tenThousandCalls;
  const traffic = trafficGb * given.trafficGb;
  return {
    gbSeconds: round(gbSeconds),
    calls: round(calls),
    yuanTime: round(time, 2),
    yuanCalls: round(called, 2),
    yuanTraffic: round(traffic, 2),
    yuan: round(time + called + traffic, 2),
  };
}

export function run({ flags }) {
  const given = { ...ASSUMED };
  for (const name of Object.keys(given)) {
    if (flags[name] !== undefined) given[name] = Number(flags[name]);
  }
  const shared = { ...given, concurrency: 10 };
  return { assumed: given, alone: costOf(given), tenAtOnce: costOf(shared) };
}
