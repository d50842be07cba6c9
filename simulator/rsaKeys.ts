import { checkPrimeSync, createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly privatePem: string;
  readonly publicPem: string;
}

const PRIME_BITS = 1024;
const EXPONENT = 65537n;
const CANDIDATES_MAX = 20_000;

/** Endless bytes that depend on the label alone. */
function* byteStream(label: string): Generator<Buffer> {
  for (let i = 0; ; i += 1) yield createHash('sha512').update(`${label}|${i}`).digest();
}

function smallPrimes(below: number): bigint[] {
  const primes: number[] = [];
  for (let n = 3; n < below; n += 2) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes.map(BigInt);
}

/** Steps by two from a seeded start: sieving by small primes spares most of the costly tests. */
function findPrime(label: string, sieve: readonly bigint[]): bigint {
  const chunks: Buffer[] = [];
  for (const chunk of byteStream(label)) {
    chunks.push(chunk);
    if (chunks.length * chunk.length * 8 >= PRIME_BITS) break;
  }
  const bytes = Buffer.concat(chunks).subarray(0, PRIME_BITS / 8);
  // Two top bits, so that the product of two primes has all its 2048 bits; odd.
  bytes[0] = (bytes[0] as number) | 0xc0;
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
  let candidate = BigInt(`0x${bytes.toString('hex')}`);
  for (let i = 0; i < CANDIDATES_MAX; i += 1, candidate += 2n) {
    const c = candidate;
    if (sieve.some((p) => c % p === 0n) || (c - 1n) % EXPONENT === 0n) continue;
    if (checkPrimeSync(c, { checks: 8 })) return c;
  }
  throw new Error('no prime found: the seed stream is broken');
}

function inverse(a: bigint, m: bigint): bigint {
  let [oldR, r, oldS, s] = [a % m, m, 1n, 0n];
  while (r !== 0n) {
    const q = oldR / r;
    [oldR, r] = [r, oldR - q * r];
    [oldS, s] = [s, oldS - q * s];
  }
  return ((oldS % m) + m) % m;
}

function base64url(n: bigint): string {
  const hex = n.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url');
}

function derive(label: string): KeyPair {
  const sieve = smallPrimes(2000);
  const p = findPrime(`${label}|p`, sieve);
  const q = findPrime(`${label}|q`, sieve);
  const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
  const jwk = {
    kty: 'RSA',
    n: base64url(p * q),
    e: base64url(EXPONENT),
    d: base64url(d),
    p: base64url(p),
    q: base64url(q),
    dp: base64url(d % (p - 1n)),
    dq: base64url(d % (q - 1n)),
    qi: base64url(inverse(q, p)),
  };
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicKey = createPublicKey(privateKey);
  return {
    privateKey,
    publicKey,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** Pure function of its label, so remembering the costly result changes nothing but the time. */
const derived = new Map<string, KeyPair>();

/**
 * An RSA-2048 key pair made from a label: the same seed gives the same keys in every process, so
 * no private key has to be stored in the repository. Anyone can compute them: for tests alone.
 */
export function keyPairOf(label: string): KeyPair {
  let pair = derived.get(label);
  if (pair === undefined) derived.set(label, (pair = derive(label)));
  return pair;
}
