/**
 * Numbers seen, a million of them in some 24 MB: 64-bit hashes in typed arrays instead of strings in a Map
 * (which takes about 150 MB for them). Two numbers share a hash once in some 10^7 bills of that size; the
 * hash is seeded at random, so that nobody can choose numbers that do.
 */
import { randomBytes } from 'node:crypto';
import type { Bytes } from '../../utils/money';

/** A number as text, or as it stands in a bill: both lead to the same place. */
export type NumberText = string | Bytes;

export interface NumberTable {
  /**
   * Where the number is, entered if it was not. Good until the next `add`.
   * @param sort  Numbers of different sorts never meet.
   */
  add(no: NumberText, sort?: number): number;
  /** Where the number is, or -1. */
  find(no: NumberText, sort?: number): number;
  readonly size: number;
  flags(at: number): number;
  mark(at: number, flags: number): void;
  /** Two values of 32 bits, unsigned. */
  first(at: number): number;
  second(at: number): number;
  setValues(at: number, a: number, b: number): void;
  /** 32 bits of any text, by this table's seed. */
  short(text: NumberText): number;
  /** Forgets everything and keeps its room: a new table beside the old one would be twice the memory. */
  clear(expected?: number): void;
}

const FULL = 0.85;
const SIZE_MIN = 1024;
const GROWTH = 1.5;

const roomFor = (expected: number): number => Math.max(SIZE_MIN, Math.ceil((expected + 1) / FULL));

/** Bytes and characters are the same thing then, and numbers are: no copy is made of them. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

function bytesOf(text: string): Bytes {
  const bytes = Buffer.from(text, 'utf8');
  return { bytes, from: 0, to: bytes.length };
}

/** @param expected  So many fit in without growing, which for a moment takes half as much again. */
export function createNumberTable(expected = 0): NumberTable {
  let room = roomFor(expected);
  const seeds = randomBytes(8);
  const seedA = seeds.readUInt32LE(0);
  const seedB = seeds.readUInt32LE(4);
  let keyA = new Uint32Array(room);
  let keyB = new Uint32Array(room);
  let valueA = new Uint32Array(room);
  let valueB = new Uint32Array(room);
  let flag = new Uint8Array(room);
  let size = 0;
  let hashA = 0;
  let hashB = 0;

  /** cyrb53's mixing with both halves kept; `hashA` is never 0, which marks a free place. */
  function hash(no: NumberText, sort: number): void {
    let a = Math.imul(seedA ^ sort, 2654435761);
    let b = Math.imul(seedB ^ sort, 1597334677);
    const text = typeof no === 'string' && isAscii(no) ? no : undefined;
    if (text !== undefined) {
      for (let i = 0; i < text.length; i++) {
        const c = text.charCodeAt(i);
        a = Math.imul(a ^ c, 2654435761);
        b = Math.imul(b ^ c, 1597334677);
      }
    } else {
      const { bytes, from, to } = typeof no === 'string' ? bytesOf(no) : no;
      for (let i = from; i < to; i++) {
        const c = bytes[i] ?? 0;
        a = Math.imul(a ^ c, 2654435761);
        b = Math.imul(b ^ c, 1597334677);
      }
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    hashA = a >>> 0 || 1;
    hashB = b >>> 0;
  }

  /** The number's place, or the free one where it would go. */
  function place(): number {
    let at = Math.floor((hashB / 2 ** 32) * room);
    while (keyA[at] !== 0 && !(keyA[at] === hashA && keyB[at] === hashB)) {
      at = at + 1 === room ? 0 : at + 1;
    }
    return at;
  }

  function allot(places: number): void {
    room = places;
    keyA = new Uint32Array(room);
    keyB = new Uint32Array(room);
    valueA = new Uint32Array(room);
    valueB = new Uint32Array(room);
    flag = new Uint8Array(room);
  }

  function grow(): void {
    const old = { keyA, keyB, valueA, valueB, flag };
    allot(Math.ceil(room * GROWTH));
    for (let i = 0; i < old.keyA.length; i++) {
      hashA = old.keyA[i] ?? 0;
      if (hashA === 0) continue;
      hashB = old.keyB[i] ?? 0;
      const at = place();
      keyA[at] = hashA;
      keyB[at] = hashB;
      valueA[at] = old.valueA[i] ?? 0;
      valueB[at] = old.valueB[i] ?? 0;
      flag[at] = old.flag[i] ?? 0;
    }
  }

  return {
    add(no, sort = 0) {
      if (size >= FULL * room) grow();
      hash(no, sort);
      const at = place();
      if (keyA[at] === 0) {
        keyA[at] = hashA;
        keyB[at] = hashB;
        size++;
      }
      return at;
    },
    find(no, sort = 0) {
      hash(no, sort);
      const at = place();
      return keyA[at] === 0 ? -1 : at;
    },
    get size() {
      return size;
    },
    flags: (at) => flag[at] ?? 0,
    mark(at, flags) {
      flag[at] = (flag[at] ?? 0) | flags;
    },
    first: (at) => valueA[at] ?? 0,
    second: (at) => valueB[at] ?? 0,
    setValues(at, a, b) {
      valueA[at] = a;
      valueB[at] = b;
    },
    short(text) {
      hash(text, 0);
      return hashA;
    },
    clear(expected = 0) {
      size = 0;
      if (roomFor(expected) > room) {
        allot(roomFor(expected));
        return;
      }
      for (const array of [keyA, keyB, valueA, valueB, flag]) array.fill(0);
    },
  };
}
