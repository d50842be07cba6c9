import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * Where an IP address leads. `private`: a network of one's own. `local`: neither that nor the public network,
 * such as "this host", link-local (a cloud's metadata service), carrier-grade NAT, multicast.
 */
export type AddressPlace = 'loopback' | 'private' | 'local' | 'public';

/** The only list of such ranges in the service. */
const RANGES: Readonly<Record<Exclude<AddressPlace, 'public'>, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  local: [
    ...['0.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '224.0.0.0/3'],
    ...['::/128', 'fe80::/10', 'ff00::/8'],
  ],
};

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [base = '', bits = ''] = range.split('/');
    list.addSubnet(base, Number(bits), isIP(base) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

const LISTS = [
  ['loopback', listOf(RANGES.loopback)],
  ['private', listOf(RANGES.private)],
  ['local', listOf(RANGES.local)],
] as const;

/**
 * @returns undefined for what is no address. Every spelling counts: an IPv4 address inside an IPv6 one leads
 *   where the IPv4 address leads.
 */
export function placeOfAddress(address: string): AddressPlace | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return LISTS.find(([, list]) => list.check(address, family))?.[0] ?? 'public';
}

/** An address as it stands in a request: a zone (`%eth0`) means something on one machine only. */
export const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

export const isPublicAddress = (text: string): boolean =>
  isAddress(text) && placeOfAddress(text) === 'public';

/** Loopback and private addresses; `[…]` around IPv6, as in a URL, is allowed. */
export function isPrivateAddress(address: string): boolean {
  const place = placeOfAddress(address.replace(/^\[|\]$/g, ''));
  return place === 'loopback' || place === 'private';
}

/** The first IPv4 address of this machine that leads out of it; loopback where there is none. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((one) => one.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';
}
