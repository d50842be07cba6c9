import { isIP } from 'node:net';

/** What a host name or address says about where it leads, as far as that can be told by its text. */
export type HostPlace = 'loopback' | 'private' | 'local' | 'public';

const PRIVATE_V4 = [/^10\./, /^192\.168\./, /^172\.(1[6-9]|2\d|3[01])\./];
/** Neither public nor a network of one's own: "this host", link-local, carrier-grade NAT. */
const LOCAL_V4 = [/^0\./, /^169\.254\./, /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./];
const LOCAL_NAME = /\.(local|localdomain|internal|intranet|lan|home\.arpa)$/;

function placeOfV4(host: string): HostPlace {
  if (host.startsWith('127.')) return 'loopback';
  if (PRIVATE_V4.some((range) => range.test(host))) return 'private';
  return LOCAL_V4.some((range) => range.test(host)) ? 'local' : 'public';
}

function placeOfV6(host: string): HostPlace {
  if (host === '::1') return 'loopback';
  if (/^f[cd]/.test(host)) return 'private';
  // "::", link-local, and IPv4 written as IPv6, which nobody needs here.
  return host === '::' || /^fe[89ab]/.test(host) || host.startsWith('::ffff:') ? 'local' : 'public';
}

/** @param hostname  As `new URL(…).hostname` gives it: lower case, IPv6 in brackets. */
export function placeOf(hostname: string): HostPlace {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const version = isIP(host);
  if (version === 4) return placeOfV4(host);
  if (version === 6) return placeOfV6(host);
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
