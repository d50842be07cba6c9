import { createHash } from 'node:crypto';

const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Seeded random source: the same seed gives the same run. Never for real secrets. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  text(length: number): string;
  digits(length: number): string;
  hex(length: number): string;
  uuid(): string;
}

/** SHA-256 of the seed text, used where four 32-bit words of state are needed. */
function stateOf(seed: string): Uint32Array {
  const digest = createHash('sha256').update(seed).digest();
  return new Uint32Array([0, 4, 8, 12].map((at) => digest.readUInt32LE(at) || 1));
}

/** xoshiro128**: small, fast, and good enough to spread faults and fill nonces. */
export function createRandom(seed: string): Random {
  const s = stateOf(seed);
  const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
  const nextWord = (): number => {
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const c2 = c ^ a;
    const d2 = d ^ b;
    s[1] = b ^ c2;
    s[0] = a ^ d2;
    s[2] = c2 ^ (b << 9);
    s[3] = rotl(d2, 11);
    return result;
  };
  const next = (): number => nextWord() / 2 ** 32;
  const pick = (alphabet: string, length: number): string => {
    let out = '';
    for (let i = 0; i < length; i += 1)
      out += alphabet.charAt(Math.floor(next() * alphabet.length));
    return out;
  };
  return {
    next,
    text: (length) => pick(ALPHANUMERIC, length),
    digits: (length) => pick('0123456789', length),
    hex: (length) => pick('0123456789abcdef', length),
    uuid: () => {
      const h = pick('0123456789abcdef', 32);
      const parts = [h.slice(0, 8), h.slice(8, 12), `5${h.slice(13, 16)}`, `a${h.slice(17, 20)}`];
      return [...parts, h.slice(20)].join('-');
    },
  };
}
