import { placeOf } from '../../config/hosts';
import {
  isAddress,
  isPrivateAddress,
  isPublicAddress,
  placeOfAddress,
} from '../../utils/addresses';

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['10.255.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['FD00::1', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['0.0.0.0', 'local'],
  ['169.254.169.254', 'local'],
  ['::ffff:169.254.169.254', 'local'],
  ['100.64.0.1', 'local'],
  ['224.0.0.1', 'local'],
  ['255.255.255.255', 'local'],
  ['::', 'local'],
  ['FE80::1', 'local'],
  ['ff02::1', 'local'],
  ['172.32.0.1', 'public'],
  ['100.128.0.1', 'public'],
  ['8.8.8.8', 'public'],
  ['203.0.113.7', 'public'],
  ['::ffff:8.8.8.8', 'public'],
  ['2001:db8::7', 'public'],
  ['abc', undefined],
  ['999.1.1.1', undefined],
  ['127.1', undefined],
  ['01.2.3.4', undefined],
  ['', undefined],
])('%s leads to %s', (address, place) => {
  expect(placeOfAddress(address)).toBe(place);
  expect(isPublicAddress(address)).toBe(place === 'public');
  expect(isPrivateAddress(address)).toBe(place === 'loopback' || place === 'private');
  expect(isAddress(address)).toBe(place !== undefined);
});

test('a zone means something on one machine only', () => {
  expect(isAddress('fe80::1%eth0')).toBe(false);
  expect(isPublicAddress('2001:db8::7%eth0')).toBe(false);
});

test('a URL is read by the same list, whatever its spelling', () => {
  const place = (url: string): string => placeOf(new URL(url).hostname);
  expect(place('http://[::1]/')).toBe('loopback');
  expect(place('http://[::ffff:127.0.0.1]/')).toBe('loopback');
  expect(place('http://127.1/')).toBe('loopback');
  expect(place('http://0x7f000001/')).toBe('loopback');
  expect(place('http://169.254.169.254/')).toBe('local');
  expect(place('http://[fd00::1]/')).toBe('private');
  expect(isPrivateAddress('[::1]')).toBe(true);
});
