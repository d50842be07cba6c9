import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../utils/clock';
import { SignatureError, UpstreamError, ValidationError, type ErrorCode } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import { openAesGcm } from './aesGcm';
import { idOf, labelsOf, readForward, type Forward } from './forward';
import { isJsonObject, readJsonObject, type JsonObject } from './readJsonObject';
import { kindOf, type LabelledNotification, type Labels, type NotificationWords } from './labels';
import { claimsSignature, isProbe, type Unproven } from './signature';
import type { NotificationHint, NotificationInput, OpenedNotification } from './strategy';
import type { Verifier } from './verifier';

const ALGORITHM = 'AEAD_AES_256_GCM';
/** WeChat's own envelopes, and forwards of them, are a few kB. */
const SEALED_BYTES_MAX = 64 * 1024;
const UNSEALED_BYTES_MAX = 256 * 1024;
const CODES: Readonly<Record<Exclude<Unproven, 'keys'>, ErrorCode>> = {
  headers_missing: 'SIGNATURE_INVALID',
  scheme: 'SIGNATURE_INVALID',
  timestamp: 'TIMESTAMP_EXPIRED',
  serial_unknown: 'SERIAL_UNKNOWN',
  signature: 'SIGNATURE_INVALID',
};

export interface OpenerDeps {
  readonly aesKey: KeyObject;
  /** What a plaintext says, and whose it is. */
  readonly words: NotificationWords;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Opened = OpenedNotification | NotificationHint;

/** The two forms a notification comes in. Each either proves it, gives a hint, or throws an AppError. */
export interface Opener {
  /** WeChat's own: four headers, signature over the raw bytes, then decryption. */
  openSigned(input: NotificationInput): Promise<OpenedNotification>;
  /**
   * Anything without signature headers. `tagProves`: ciphertext under `rawData.resource` that opens with
   * the merchant's APIv3 key proves where it comes from (Integration Center's form).
   */
  openUnsigned(input: NotificationInput, options: { tagProves: boolean }): Opened;
}

export const isSigned = (input: NotificationInput): boolean => claimsSignature(input.headers);

/** How much of a body is read: a signed one is WeChat's envelope with a ciphertext, which is small. */
export const notificationBytesMax = (headers: NotificationInput['headers']): number =>
  claimsSignature(headers) ? SEALED_BYTES_MAX : UNSEALED_BYTES_MAX;

export function createOpener(deps: OpenerDeps): Opener {
  return {
    async openSigned(input) {
      await proveSignature(deps, input);
      return openEnvelope(deps, input);
    },
    openUnsigned(input, { tagProves }) {
      // Before it is parsed: a large body is refused for a ciphertext it only seems to hold.
      if (input.raw.length > SEALED_BYTES_MAX && input.raw.includes('ciphertext')) throw tooLarge();
      const forward = readForward(input);
      if (forward === undefined) throw refuse(deps, 'NOTIFICATION_UNPROVEN', 'not a JSON object');
      const { resource } = forward;
      if (resource === undefined) return openHint(deps, input, forward);
      if (input.raw.length > SEALED_BYTES_MAX) throw tooLarge();
      const plaintext = decrypt(deps, resource);
      const { id, labels } = forward;
      const read = { input, labels, complete: false, plaintext };
      if (tagProves && forward.underRawData) {
        const kind = checkedKind(deps, { ...read, proof: 'decryption' });
        return { proven: true, proof: 'decryption', api: 'v3', kind, id, plaintext };
      }
      const kind = checkedKind(deps, { ...read, proof: 'none' });
      return { proven: false, kind, plaintext };
    },
  };
}

/**
 * @throws SignatureError when checked and wrong · UpstreamError KEYS_UNAVAILABLE when it could not be
 *   checked, so that WeChat sends it again.
 */
async function proveSignature(deps: OpenerDeps, input: NotificationInput): Promise<void> {
  const { headers, raw, deadline } = input;
  const waitMs = deadline - deps.clock.now();
  const verdict = await deps.verifier.verify({ headers, raw, waitMs });
  if (verdict === 'proven') return;
  const probe = isProbe(headers);
  const serial = headers['wechatpay-serial'];
  const fields = { reason: probe ? 'probe' : verdict, serial };
  if (verdict === 'keys') {
    deps.logger.warn(fields, 'notification not checked');
    throw new UpstreamError('KEYS_UNAVAILABLE');
  }
  // Removed headers point at a proxy, a probe is WeChat's own test: logged differently, refused in the same way.
  if (probe) deps.logger.info(fields, 'notification refused');
  else deps.logger.warn(fields, 'notification refused');
  throw new SignatureError(CODES[verdict], { detail: verdict });
}

/** WeChat's own envelope, its signature already checked. */
function openEnvelope(deps: OpenerDeps, input: NotificationInput): OpenedNotification {
  const body = input.body ?? readJsonObject(input.raw);
  const resource = body?.['resource'];
  if (body === undefined || !isJsonObject(resource)) {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'no resource');
  }
  const plaintext = decrypt(deps, resource);
  const labels = labelsOf([body], [resource]);
  const kind = checkedKind(deps, { input, labels, complete: true, plaintext, proof: 'signature' });
  return { proven: true, proof: 'signature', api: 'v3', kind, id: idOf([body]), plaintext };
}

/** @throws SignatureError SIGNATURE_INVALID: a ciphertext that does not open is never passed over. */
function decrypt(deps: OpenerDeps, resource: JsonObject): JsonObject {
  const algorithm = resource['algorithm'] ?? ALGORITHM;
  const bytes = algorithm === ALGORITHM ? openAesGcm(deps.aesKey, resource) : undefined;
  if (bytes === undefined) {
    throw refuse(deps, 'SIGNATURE_INVALID', 'resource does not decrypt: check apiV3Key');
  }
  const plaintext = readJsonObject(bytes);
  if (plaintext === undefined) {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'the plaintext is no JSON object');
  }
  return plaintext;
}

function openHint(deps: OpenerDeps, input: NotificationInput, forward: Forward): NotificationHint {
  const plaintext = forward.readParsed();
  if (plaintext === undefined)
    throw refuse(deps, 'NOTIFICATION_UNPROVEN', 'no signature, no content');
  const { labels } = forward;
  const kind = checkedKind(deps, { input, labels, complete: false, plaintext, proof: 'none' });
  return { proven: false, kind, plaintext };
}

interface Checkable {
  readonly input: NotificationInput;
  readonly labels: Labels;
  /** true: both labels must be there, as in WeChat's own envelope. */
  readonly complete: boolean;
  readonly plaintext: JsonObject;
  readonly proof: 'signature' | 'decryption' | 'none';
}

/** @throws SignatureError NOTIFICATION_REFUSED when labels, route or merchant contradict the plaintext. */
function checkedKind(
  deps: OpenerDeps,
  { input, labels, complete, plaintext, proof }: Checkable,
): OpenedNotification['kind'] {
  const labelled: LabelledNotification = {
    plaintext,
    labels,
    expected: input.expected,
    complete,
  };
  const result = kindOf(labelled, deps.words.notificationRules);
  if ('fault' in result) throw refuse(deps, 'NOTIFICATION_REFUSED', result.fault);
  // A hint may leave the merchant out, it is only asked about; the self-test names none.
  const required = proof !== 'none' && result.kind !== 'echo';
  const merchant = deps.words.merchantOf(plaintext);
  if (merchant === 'foreign' || (required && merchant === 'unnamed')) {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'mchid is not ours');
  }
  return result.kind;
}

const tooLarge = (): ValidationError => new ValidationError('BODY_TOO_LARGE');

function refuse(deps: OpenerDeps, code: ErrorCode, detail: string): SignatureError {
  deps.logger.warn({ code, reason: detail }, 'notification refused');
  return new SignatureError(code, { detail });
}
