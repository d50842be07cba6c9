/**
 * The merchant's own certificate (apiclient_cert.p12), which API v2 wants to see where money goes out. Its password is
 * the merchant id. Opened once, when first needed.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ForgeBag } from 'node-forge';
import { createSecureContext } from 'node:tls';
import type { V2Credentials } from '../../../config/types';
import type { Clock } from '../../../utils/clock';
import { ConfigError } from '../../../utils/errors';
import type { ClientIdentity } from '../http';
import { lacking } from '../strategy';

export type CertificateFault = 'missing' | 'unreadable' | 'expired';

export interface ClientCertificate {
  /** @throws ConfigError naming clientCertificate. */
  open(): Promise<ClientIdentity>;
  /** Why it cannot be used, without throwing. */
  fault(): Promise<CertificateFault | undefined>;
}

interface Opened {
  readonly identity: ClientIdentity;
  readonly notAfter: number;
}

export function createClientCertificate(
  { clientCertificate, merchantId }: V2Credentials,
  clock: Clock,
): ClientCertificate {
  let opening: Promise<Opened | undefined> | undefined;
  const opened = (): Promise<Opened | undefined> =>
    (opening ??=
      clientCertificate === undefined
        ? Promise.resolve(undefined)
        : read(clientCertificate, merchantId));

  async function look(): Promise<Opened | CertificateFault> {
    if (clientCertificate === undefined) return 'missing';
    const found = await opened();
    if (found === undefined) return 'unreadable';
    return found.notAfter <= clock.now() ? 'expired' : found;
  }

  return {
    async open() {
      const found = await look();
      if (typeof found !== 'string') return found.identity;
      if (found === 'missing') throw lacking('clientCertificate');
      throw new ConfigError('CONFIG_INVALID', [certificateSentence(found)]);
    },
    async fault() {
      const found = await look();
      return typeof found === 'string' ? found : undefined;
    },
  };
}

export const certificateSentence = (fault: 'unreadable' | 'expired'): string =>
  `clientCertificate: ${WORDS[fault]}`;

const WORDS = {
  unreadable: '无法打开，须为 apiclient_cert.p12 的 base64 / is not the p12 of this merchant',
  expired: '商户证书已过期 / the merchant certificate has expired',
} as const;

/**
 * Node's own reader refuses the old encryption (RC2, 40 bits) that most of these files have, so another one opens
 * them all. Loaded here alone: who sends no money out by API v2 never needs it.
 */
async function read(p12: Buffer, password: string): Promise<Opened | undefined> {
  try {
    const { default: forge } = await import('node-forge');
    const asn1 = forge.asn1.fromDer(forge.util.createBuffer(p12.toString('binary')));
    const file = forge.pkcs12.pkcs12FromAsn1(asn1, password);
    const { certBag, pkcs8ShroudedKeyBag, keyBag } = forge.pki.oids;
    const bags = (type: string): readonly ForgeBag[] => file.getBags({ bagType: type })[type] ?? [];
    const key = [...bags(pkcs8ShroudedKeyBag), ...bags(keyBag)].find((bag) => bag.key)?.key;
    const certificates = bags(certBag).flatMap(({ cert }) => (cert === undefined ? [] : [cert]));
    if (key === undefined || certificates.length === 0) return undefined;
    return identityOf(
      forge.pki.privateKeyToPem(key),
      certificates.map((one) => forge.pki.certificateToPem(one)),
    );
  } catch {
    return undefined; // Its words are left out: they may quote what stands in the setting.
  }
}

/** The certificate of this key first, then whatever chain the file has. */
function identityOf(key: string, certificates: readonly string[]): Opened | undefined {
  const secret = createPrivateKey(key);
  const own = certificates.find((pem) => new X509Certificate(pem).checkPrivateKey(secret));
  if (own === undefined) return undefined;
  const cert = [own, ...certificates.filter((pem) => pem !== own)].join('\n');
  createSecureContext({ key, cert });
  return { identity: { key, cert }, notAfter: Date.parse(new X509Certificate(own).validTo) };
}
