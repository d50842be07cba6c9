import { placeOfAddress, type AddressPlace } from '../utils/addresses';

/** Where a host name or address leads, as far as its text shows. */
export type HostPlace = AddressPlace;

const LOCAL_NAME = /\.(local|localdomain|internal|intranet|lan|home\.arpa)$/;

/** @param hostname  As `new URL(…).hostname` gives it: lower case, IPv6 in brackets. */
export function placeOf(hostname: string): HostPlace {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const place = placeOfAddress(host);
  if (place !== undefined) return place;
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback';
  return LOCAL_NAME.test(host) || !host.includes('.') ? 'local' : 'public';
}

/** `undefined` for what is no URL. `URL.canParse` is not there in Node 18.15. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** `undefined` for what is no URL, or one that carries a user name or a password. */
export function plainUrl(text: string): URL | undefined {
  const url = parseUrl(text);
  return url?.username === '' && url.password === '' ? url : undefined;
}
