/**
 * RSA keys made at run time: no secret lies in the repository, and a test cannot lean on a known one. They are costly,
 * so a run makes each once: the first, second, … key pair of a test file is the first, second, … of every other.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onceARun } from './onceARun';

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

let given = 0;

/** @returns PEM of a pair that nothing else in this test file has. */
export function createKeyPair(): KeyPair {
  given += 1;
  const folder = onceARun(`key-${String(given)}`, (made) => {
    const pair = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    writeFileSync(join(made, 'pair.json'), JSON.stringify(pair), { mode: 0o600 });
  });
  return JSON.parse(readFileSync(join(folder, 'pair.json'), 'utf8')) as KeyPair;
}

export interface KeyObjects {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function createKeyObjects(): KeyObjects {
  const { privateKey, publicKey } = createKeyPair();
  return { privateKey: createPrivateKey(privateKey), publicKey: createPublicKey(publicKey) };
}
