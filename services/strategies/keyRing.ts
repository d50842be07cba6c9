import { createPublicKey, type KeyObject } from 'node:crypto';
import type { V3Credentials } from '../../config/types';
import type { Clock } from '../../utils/clock';
import { ConfigError, UpstreamError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import { newestOf, validAt, type LoadResult, type PlatformCertificate } from './certificates';
import { createRefresher } from './refresher';

/** How long a call or a callback waits for a load under way. */
export const KEY_WAIT_MS = 2_000;
const REFRESH_MS = 12 * 3600_000;
const RETRY_EMPTY_MS = 10_000;
const RETRY_HELD_MS = 600_000;
/** An unknown serial is anyone's to send: it may cost one call a minute, not more. */
const UNKNOWN_REFRESH_MS = 60_000;
/** Without any certificate nothing works, so those who ask may cause a load sooner. */
const EMPTY_REFRESH_MS = 5_000;
const CERTIFICATE_SERIAL = /^[0-9A-Fa-f]{8,40}$/;

export interface EncryptionKey {
  readonly serial: string;
  readonly key: KeyObject;
}

/**
 * The keys WeChat Pay signs with, each under its exact serial. The configured public key and platform
 * certificates may both be live: in the week of the switch callbacks come signed by either.
 */
export interface KeyRing {
  /** Sent as Wechatpay-Serial with every request; undefined where only certificates are used. */
  readonly requestSerial: string | undefined;
  /** `unknown`: checked, no such key. `unavailable`: could not be checked now. Waits ≤ `waitMs`. */
  find(serial: string, waitMs: number): Promise<KeyObject | 'unknown' | 'unavailable'>;
  /** Whether a reply could be verified; waits ≤ `waitMs` for a load where none is held. */
  ready(waitMs: number): Promise<boolean>;
  /** @throws UpstreamError KEYS_UNAVAILABLE */
  forEncryption(): Promise<EncryptionKey>;
  held(serial: string): KeyObject | undefined;
  serials(): readonly string[];
  start(): Promise<void>;
  close(): void;
}

export interface KeyRingDeps {
  readonly credentials: V3Credentials;
  readonly clock: Clock;
  readonly logger: Logger;
  /** GET /v3/certificates, proven. Called at the bounds above, never twice at a time. */
  readonly load: (held: (serial: string) => KeyObject | undefined) => Promise<LoadResult>;
}

export function createKeyRing(deps: KeyRingDeps): KeyRing {
  const { clock, logger } = deps;
  const configured = configuredKey(deps.credentials);
  let certificates: readonly PlatformCertificate[] = [];
  let lastFailed = false;

  const live = (): readonly PlatformCertificate[] =>
    certificates.filter((certificate) => validAt(certificate, clock.now()));
  const held = (serial: string): KeyObject | undefined =>
    configured?.serial === serial
      ? configured.key
      : live().find((certificate) => certificate.serial === serial)?.key;
  const usable = (): boolean => configured !== undefined || live().length > 0;

  const refresher = createRefresher({
    clock,
    work: async () => {
      const result = await deps.load(held);
      // "No platform certificates" is an answer, not a failure to get one.
      lastFailed = result.kind === 'failed';
      // A failure drops nothing: what is held stays good until it expires.
      if (result.kind === 'loaded') certificates = result.certificates;
      if (configured !== undefined) {
        logger.info(logFields(result), 'platform certificates asked for');
        return;
      }
      if (result.kind === 'loaded') logger.info(logFields(result), 'platform certificates loaded');
      else logger.error({ ...logFields(result), alarm: true }, 'platform certificates not loaded');
      refresher.plan(usable() ? (lastFailed ? RETRY_HELD_MS : REFRESH_MS) : RETRY_EMPTY_MS);
    },
  });

  const ready = async (waitMs: number): Promise<boolean> => {
    const limits = { waitMs: Math.min(KEY_WAIT_MS, waitMs), sinceMs: EMPTY_REFRESH_MS };
    if (!usable()) await refresher.runWithin(limits);
    return usable();
  };

  return {
    requestSerial: configured?.serial,
    held,
    ready,
    async find(serial, waitMs) {
      const known = held(serial);
      if (known !== undefined) return known;
      const hadKeys = usable();
      if (hadKeys && !CERTIFICATE_SERIAL.test(serial)) return 'unknown';
      const sinceMs = hadKeys ? UNKNOWN_REFRESH_MS : EMPTY_REFRESH_MS;
      await refresher.runWithin({ waitMs: Math.min(KEY_WAIT_MS, waitMs), sinceMs });
      const checked = usable() && !refresher.busy() && !lastFailed;
      return held(serial) ?? (checked ? 'unknown' : 'unavailable');
    },
    async forEncryption() {
      if (configured !== undefined) return configured;
      await ready(KEY_WAIT_MS);
      const newest = newestOf(live());
      if (newest === undefined) throw new UpstreamError('KEYS_UNAVAILABLE');
      return { serial: newest.serial, key: newest.key };
    },
    serials: () => [
      ...(configured === undefined ? [] : [configured.serial]),
      ...live().map((certificate) => certificate.serial),
    ],
    async start() {
      if (configured === undefined) await refresher.run();
    },
    close: () => {
      refresher.close();
    },
  };
}

function logFields(result: LoadResult): Record<string, unknown> {
  if (result.kind === 'loaded') {
    const { certificates } = result;
    return { count: certificates.length, serial: newestOf(certificates)?.serial };
  }
  const { reason, status, code } = result;
  return { reason, status, code, detail: REMEDIES[reason] };
}

/** What to do about it, for the log: the first seed's FAQ Q10. */
const REMEDIES: Readonly<Record<string, string | undefined>> = {
  none: 'this merchant has no platform certificates: set wxPayPublicKey and wxPayPublicKeyId',
  undecryptable: 'the certificates do not decrypt: check apiV3Key',
  refused: 'WeChat Pay refused the call: check merchantId, merchantSerialNumber and privateKey',
};

function configuredKey(credentials: V3Credentials): EncryptionKey | undefined {
  const { wxPayPublicKey, wxPayPublicKeyId } = credentials;
  if (wxPayPublicKey === undefined || wxPayPublicKeyId === undefined) return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey(wxPayPublicKey);
  } catch {
    throw new ConfigError('CONFIG_INVALID', ['wxPayPublicKey is not a PEM public key']);
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new ConfigError('CONFIG_INVALID', ['wxPayPublicKey is not an RSA key']);
  }
  return { serial: wxPayPublicKeyId, key };
}
