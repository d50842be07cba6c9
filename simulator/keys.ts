import { createHash, type KeyObject } from 'node:crypto';
import { keyPairOf, type KeyPair } from './rsaKeys';
import { DAY_MS } from './time';
import { createCertificate } from './x509';

/** A key WeChat signs with, under the id that `Wechatpay-Serial` names. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

export interface PlatformCertificate extends SigningKey {
  readonly pem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const LIFETIME_MS = 5 * 365 * DAY_MS;

/** Everything secret in the simulated world, derived from the seed. */
export class KeyRing {
  readonly merchant: KeyPair;
  readonly merchantSerial: string;
  readonly apiV3Key: string;
  readonly apiKeyV2: string;
  readonly publicKeyId: string;
  /** Newest last. */
  readonly certificates: PlatformCertificate[] = [];
  private readonly wechat: KeyPair;
  private readonly label: string;
  private signingSerial = '';

  constructor(seed: number | string, withCertificate: boolean, nowMs: number) {
    this.label = `pay-common simulator ${seed}`;
    const hash = (part: string): string =>
      createHash('sha256').update(`${this.label}|${part}`).digest('hex');
    this.merchant = keyPairOf(`${this.label}|merchant`);
    this.wechat = keyPairOf(`${this.label}|wechat public key`);
    this.merchantSerial = `4${hash('merchant serial').slice(0, 39)}`.toUpperCase();
    this.apiV3Key = hash('api v3 key').slice(0, 32);
    this.apiKeyV2 = hash('api v2 key').slice(0, 32);
    const digits = BigInt(`0x${hash('public key id')}`)
      .toString()
      .slice(0, 20);
    this.publicKeyId = `PUB_KEY_ID_01162${digits}0000001`;
    if (withCertificate) this.rotate(nowMs, 'new');
  }

  get publicKeyPem(): string {
    return this.wechat.publicPem;
  }

  get publicKey(): SigningKey {
    return { id: this.publicKeyId, privateKey: this.wechat.privateKey };
  }

  /** The certificate that signs; made on first need where the scheme had none. */
  certificate(nowMs: number): PlatformCertificate {
    if (this.certificates.length === 0) this.rotate(nowMs, 'new');
    const found = this.certificates.find((c) => c.id === this.signingSerial);
    return found ?? (this.certificates.at(-1) as PlatformCertificate);
  }

  rotate(nowMs: number, signWith: 'old' | 'new'): PlatformCertificate {
    const label = `${this.label}|platform certificate ${this.certificates.length}`;
    const pair = keyPairOf(label);
    const notBeforeMs = nowMs - DAY_MS + this.certificates.length * 1000;
    const notAfterMs = notBeforeMs + LIFETIME_MS;
    const made = createCertificate({ label, ...pair, notBeforeMs, notAfterMs });
    const certificate = {
      id: made.serial,
      pem: made.pem,
      privateKey: pair.privateKey,
      notBeforeMs,
      notAfterMs,
    };
    this.certificates.push(certificate);
    if (signWith === 'new' || this.signingSerial === '') this.signingSerial = made.serial;
    return certificate;
  }

  /** The private key behind an id that a request encrypted for. */
  find(id: string): SigningKey | undefined {
    if (id === this.publicKeyId) return this.publicKey;
    return this.certificates.find((c) => c.id === id);
  }
}
