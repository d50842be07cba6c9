import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultSentence } from '../../config/faultWords';
import { normalizePem } from '../../config/pem';
import { createKeyObjects } from '../helpers/keyPairs';

const { privateKey, publicKey } = createKeyObjects();
const pkcs8 = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const pkcs1 = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
const spki = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const rsaPublic = publicKey.export({ format: 'pem', type: 'pkcs1' }).toString();
const certificate = readFileSync(
  join(__dirname, '../fixtures/merchantCertificate.pem.txt'),
  'utf8',
);

const damages: readonly (readonly [string, (pem: string) => string])[] = [
  ['real newlines', (pem) => pem],
  ['literal \\n', (pem) => pem.replace(/\n/g, '\\n')],
  ['literal \\r\\n', (pem) => pem.replace(/\n/g, '\\r\\n')],
  ['doubly escaped \\\\n', (pem) => pem.replace(/\n/g, '\\\\n')],
  ['blanks for newlines', (pem) => pem.replace(/\n/g, ' ')],
  ['nothing for newlines', (pem) => pem.replace(/\n/g, '')],
  ['CRLF', (pem) => pem.replace(/\n/g, '\r\n')],
  ['no final newline', (pem) => pem.trimEnd()],
  ['base64 of the PEM', (pem) => Buffer.from(pem).toString('base64')],
  [
    'base64 of the PEM, wrapped',
    (pem) => Buffer.from(pem).toString('base64').replace(/.{76}/g, '$&\n'),
  ],
  ['no BEGIN and END lines', (pem) => pem.replace(/-----.*-----\n/g, '')],
  ['no BEGIN line', (pem) => pem.replace(/-----BEGIN.*-----\n/, '')],
  ['no END line', (pem) => pem.replace(/-----END.*-----\n/, '')],
  ['no dashes', (pem) => pem.replace(/-/g, '')],
  ['no lines and no newlines', (pem) => pem.replace(/-----.*-----\n/g, '').replace(/\n/g, ' ')],
  ['double quotes around it', (pem) => `"${pem.replace(/\n/g, '\\n')}"`],
  ['single quotes around it', (pem) => `'${pem}'`],
  ['blanks around it', (pem) => `\t  ${pem}  \n\n`],
  ['indented lines', (pem) => pem.replace(/^/gm, '    ')],
  ['a byte order mark', (pem) => `\ufeff${pem}`],
  ['a mistyped label', (pem) => pem.replace(/(BEGIN|END) [A-Z ]*(PRIVATE|PUBLIC) KEY/g, '$1 KEY')],
];

describe('a key pasted with', () => {
  it.each(damages)('%s is repaired', (_, damage) => {
    expect(normalizePem(damage(pkcs8), 'privateKey')).toBe(pkcs8);
    expect(normalizePem(damage(pkcs1), 'privateKey')).toBe(pkcs8);
    expect(normalizePem(damage(spki), 'publicKey')).toBe(spki);
    expect(normalizePem(damage(rsaPublic), 'publicKey')).toBe(spki);
  });
});

describe('what is given in its place is named', () => {
  const refusal = (text: string, kind: 'privateKey' | 'publicKey'): string => {
    const fault = normalizePem(text, kind);
    if (typeof fault === 'string') throw new Error('was accepted');
    return faultSentence(fault);
  };

  it.each(damages)('a public key and a certificate for the private key, with %s', (_, damage) => {
    expect(refusal(damage(spki), 'privateKey')).toMatch(/^privateKey: .*公钥.*public key/);
    expect(refusal(damage(rsaPublic), 'privateKey')).toMatch(/public key/);
    expect(refusal(damage(certificate), 'privateKey')).toMatch(/证书.*certificate/);
  });

  it.each(damages)('a private key and a certificate for the public key, with %s', (_, damage) => {
    expect(refusal(damage(pkcs8), 'publicKey')).toMatch(/^wxPayPublicKey: .*私钥.*private key/);
    expect(refusal(damage(certificate), 'publicKey')).toMatch(/证书.*certificate/);
  });

  it('takes the private key out of a file that also holds a certificate', () => {
    expect(normalizePem(certificate + pkcs8, 'privateKey')).toBe(pkcs8);
  });

  it.each([
    ['rubbish', 'hello'],
    ['base64 of rubbish', Buffer.from('hello there').toString('base64')],
    ['only the lines', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n'],
    ['a key cut in half', pkcs8.slice(0, 800)],
    ['a key with a letter of another script', pkcs8.replace('MII', 'MІI')],
    ['a file name', 'apiclient_key.pem'],
    ['far too much', 'A'.repeat(20_000)],
  ])('%s', (_, text) => {
    expect(refusal(text, 'privateKey')).toMatch(/apiclient_key\.pem/);
    expect(refusal(text, 'publicKey')).toMatch(/wxp_pub\.pem/);
  });

  it('a key of another kind, too short, or behind a password', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const ecPem = ec.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(refusal(ecPem, 'privateKey')).toContain('RSA');
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const shortPem = short.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(refusal(shortPem, 'publicKey')).toContain('2048');
    const locked = privateKey
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    expect(refusal(locked, 'privateKey')).toContain('password');
  });

  // A change in the modulus; one in d or in a prime does no harm, OpenSSL works around it.
  it('a private key with one character changed, which still parses', () => {
    const lines = pkcs8.split('\n');
    const changed = lines.map((line, index) =>
      index === 4 ? (line.startsWith('A') ? 'B' : 'A') + line.slice(1) : line,
    );
    const text = changed.join('\n');
    expect(createPrivateKey(text).asymmetricKeyType).toBe('rsa');
    expect(refusal(text, 'privateKey')).toContain('damaged');
  });

  it('never repeats what was pasted', () => {
    const said = refusal(pkcs8.slice(0, 800), 'privateKey');
    for (const line of pkcs8.split('\n').slice(1, 5)) expect(said).not.toContain(line);
  });
});

it('gives keys that Node opens', () => {
  expect(createPublicKey(normalizePem(spki, 'publicKey') as string).equals(publicKey)).toBe(true);
});
