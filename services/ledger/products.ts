/** The product that a payment was made by, from WeChat's trade_type. Pure. */
import type { Product, RecordedProduct } from './record';

const PRODUCTS: Readonly<Record<string, Product>> = {
  JSAPI: 'jsapi',
  MWEB: 'h5',
  NATIVE: 'native',
  APP: 'app',
  MICROPAY: 'codepay',
};

/** A trade_type we have no product for stays as WeChat spells it: a guess would be read as a fact. */
export function productOf(tradeType: string | undefined): RecordedProduct {
  if (tradeType === undefined) return 'UNKNOWN';
  return Object.hasOwn(PRODUCTS, tradeType) ? (PRODUCTS[tradeType] ?? tradeType) : tradeType;
}
