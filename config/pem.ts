/**
 * Keys arrive through web forms, `.env` files and JSON templates, which often change them. What can be repaired
 * without guessing is repaired; a value that is something else altogether is named.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import type { ConfigFault, FaultCode } from './faultWords';
import { isPath } from './cleanValue';

export type PemKind = 'privateKey' | 'publicKey';

const TEXT_CHARS_MAX = 16_384;
const MODULUS_BITS_MIN = 2048;
const VARIABLE = { privateKey: 'privateKey', publicKey: 'wxPayPublicKey' } as const;
const LABEL = { privateKey: 'private', publicKey: 'public' } as const;
const SOURCE = { privateKey: 'apiclient_key.pem', publicKey: 'wxp_pub.pem' } as const;

type Found =
  | { readonly what: 'private' | 'public'; readonly key: KeyObject }
  | { readonly what: 'certificate' };

/** Undoes what forms and templates do to line ends, quotes and blanks. */
function tidy(text: string): string {
  return text
    .replace(/[\u200b-\u200d\u2060\ufeff]/g, '')
    .replace(/\u00a0/g, ' ')
    .replace(/\\+r\\+n|\\+n|\\+r/g, '\n')
    .replace(/\r\n?/g, '\n')
    .replace(/^[\s"'`“”‘’]+|[\s"'`“”‘’,;]+$/g, '');
}

const BLOCK = /-{2,}\s*BEGIN ([A-Z0-9 ]{1,40}?)\s*-{2,}([^-]*)(?:-{2,}\s*END [A-Z0-9 ]{1,40}-*)?/g;
const MARKS =
  /-*\s*(?:BEGIN|END) (?:RSA |EC |ENCRYPTED )?(?:PRIVATE KEY|PUBLIC KEY|CERTIFICATE)\s*-*/g;

/** The base64 bodies in the text: one per BEGIN line, or all of it when the lines were lost. */
function bodiesOf(text: string): string[] {
  const blocks = [...text.matchAll(BLOCK)].map((match) => match[2] ?? '');
  const bodies = blocks.length > 0 ? blocks : [text.replace(MARKS, '')];
  return bodies.map((body) => body.replace(/\s+/g, ''));
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** What the bytes are, independent of the label above them: labels get lost or mistyped. */
function recognise(der: Buffer, kind: PemKind): Found | undefined {
  // A public key is most often one of this form; trying it as a private key takes some milliseconds.
  if (kind === 'publicKey') {
    const key = attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' }));
    if (key !== undefined) return { what: 'public', key };
  }
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const key = attempt(() => createPrivateKey({ key: der, format: 'der', type }));
    if (key !== undefined) return { what: 'private', key };
  }
  for (const type of ['spki', 'pkcs1'] as const) {
    const key = attempt(() => createPublicKey({ key: der, format: 'der', type }));
    if (key !== undefined) return { what: 'public', key };
  }
  return attempt(() => new X509Certificate(der)) && { what: 'certificate' };
}

function foundIn(text: string, kind: PemKind): Found[] {
  const found = bodiesOf(text)
    .filter((body) => /^[A-Za-z0-9+/]+=*$/.test(body))
    .map((body) => Buffer.from(body, 'base64'))
    // base64 of a PEM is decoded once: deeper nesting does not happen by mistake.
    .flatMap((bytes) => {
      const inner = bytes.toString('latin1');
      if (!inner.includes('BEGIN ')) return [bytes];
      return bodiesOf(tidy(inner)).map((body) => Buffer.from(body, 'base64'));
    })
    .map((der) => recognise(der, kind))
    .filter((one) => one !== undefined);
  const wanted = LABEL[kind];
  return found.sort((a, b) => Number(b.what === wanted) - Number(a.what === wanted));
}

/** A key with one changed character still parses and makes wrong signatures. Trying it takes 1 ms. */
function signsTrue(key: KeyObject): boolean {
  const probe = Buffer.from('pay-common');
  const signature = attempt(() => sign('RSA-SHA256', probe, key));
  return signature !== undefined && verify('RSA-SHA256', probe, createPublicKey(key), signature);
}

/**
 * Repairs a pasted key and proves that it is one.
 *
 * @param text  As it stands in the environment: real or literal `\n`, blanks for line ends, CRLF,
 *              quotes around it, base64 of the PEM, BEGIN or END line lost, PKCS#1 or PKCS#8.
 * @returns  PKCS#8 PEM of a private key, SPKI PEM of a public key; or what is wrong with the text.
 */
export function normalizePem(text: string, kind: PemKind): string | ConfigFault {
  const key = readKey(text, kind);
  if (typeof key === 'string') return { name: VARIABLE[kind], code: key, file: SOURCE[kind] };
  return kind === 'privateKey'
    ? key.export({ format: 'pem', type: 'pkcs8' }).toString()
    : key.export({ format: 'pem', type: 'spki' }).toString();
}

function readKey(text: string, kind: PemKind): KeyObject | FaultCode {
  if (text.length > TEXT_CHARS_MAX) return 'pem_too_long';
  const clean = tidy(text);
  if (isPath(clean)) return 'pem_is_path';
  if (/ENCRYPTED/.test(clean)) return 'pem_encrypted';
  const [found] = foundIn(clean, kind);
  if (found === undefined) return 'pem_incomplete';
  if (found.what === 'certificate') return `${LABEL[kind]}_is_certificate`;
  if (kind === 'privateKey' && found.what === 'public') return 'private_is_public';
  if (kind === 'publicKey' && found.what === 'private') return 'public_is_private';
  return keyFault(found.key, kind) ?? found.key;
}

function keyFault(key: KeyObject, kind: PemKind): FaultCode | undefined {
  if (key.asymmetricKeyType !== 'rsa') return 'pem_not_rsa';
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MODULUS_BITS_MIN) return 'pem_short';
  return kind === 'privateKey' && !signsTrue(key) ? 'pem_damaged' : undefined;
}

/** Do both contain the same RSA key? Both must be results of `normalizePem`. */
export function sameKey(privatePem: string, publicPem: string): boolean {
  const der = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
  // By way of the private key object: asking for the public half of its PEM takes four times as long.
  const ours = createPublicKey(createPrivateKey(privatePem));
  return der(ours).equals(der(createPublicKey(publicPem)));
}
