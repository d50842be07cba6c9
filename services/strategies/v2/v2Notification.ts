/**
 * Notifications in XML. One of a payment is proven by its signature. One of a refund has none: its AES-ECB text can be
 * cut and joined again by anyone who saw some, so what it says is only a hint, which a query has to confirm.
 */
import { createDecipheriv, createHash } from 'node:crypto';
import type { V2Credentials } from '../../../config/types';
import { SignatureError, type ErrorCode } from '../../../utils/errors';
import type { Acknowledgement } from '../../../utils/respond';
import type { Logger } from '../../../utils/logger';
import { strictBase64 } from '../base64';
import type { NotificationWords } from '../labels';
import type { NotificationHint, NotificationInput, OpenedNotification } from '../strategy';
import { holdsV2, isAmbiguous, typeOfSign } from './sign';
import { readXml, writeXml, type XmlFields } from './xml';

export const XML_ACKNOWLEDGEMENT: Acknowledgement = {
  contentType: 'text/xml; charset=utf-8',
  recorded: writeXml([
    ['return_code', 'SUCCESS'],
    ['return_msg', 'OK'],
  ]),
  notRecorded: (message) =>
    writeXml([
      ['return_code', 'FAIL'],
      ['return_msg', message],
    ]),
};

export interface V2OpenerDeps {
  readonly credentials: V2Credentials;
  readonly words: NotificationWords;
  readonly logger: Logger;
}

type Opened = OpenedNotification | NotificationHint;

/** @throws SignatureError 4xx: checked and wrong, or not for us. */
export function openXml(deps: V2OpenerDeps, input: NotificationInput): Opened {
  const fields = readXml(input.raw);
  if (fields === undefined) throw refuse(deps, 'NOTIFICATION_REFUSED', 'no flat xml');
  if (fields.get('return_code') !== 'SUCCESS') {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'return_code is not SUCCESS');
  }
  return fields.has('req_info')
    ? openRefund(deps, input, fields)
    : openPayment(deps, input, fields);
}

function openPayment(deps: V2OpenerDeps, input: NotificationInput, fields: XmlFields): Opened {
  const { apiKeyV2, signTypeV2 } = deps.credentials;
  const type = typeOfSign(fields);
  if (type === undefined || !holdsV2(fields, apiKeyV2, type)) {
    throw refuse(deps, 'SIGNATURE_INVALID', 'signature');
  }
  const told = { ...checked(deps, input, fields, 'payment'), kind: 'payment' } as const;
  // Weaker than what we ask for, or open to two readings: WeChat is asked.
  const weak = type === 'MD5' && signTypeV2 !== 'MD5';
  if (weak || isAmbiguous(fields)) return { proven: false, ...told };
  return { proven: true, proof: 'signature', api: 'v2', id: undefined, ...told };
}

function openRefund(deps: V2OpenerDeps, input: NotificationInput, fields: XmlFields): Opened {
  const inner = decrypt(deps.credentials, fields.get('req_info') ?? '');
  if (inner === undefined) throw refuse(deps, 'SIGNATURE_INVALID', 'req_info: check apiKeyV2');
  const whole = new Map([...inner, ['mch_id', fields.get('mch_id') ?? '']]);
  return { proven: false, kind: 'refund', ...checked(deps, input, whole, 'refund') };
}

/** What it says, in the words of API v3. */
function checked(
  deps: V2OpenerDeps,
  { expected }: NotificationInput,
  fields: XmlFields,
  kind: 'payment' | 'refund',
): { readonly plaintext: Readonly<Record<string, unknown>> } {
  if (expected !== undefined && expected !== kind) {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'the route is of another kind');
  }
  const plaintext = deps.words.readXmlNotice(kind, Object.fromEntries(fields));
  if (plaintext === undefined) {
    throw refuse(deps, 'NOTIFICATION_REFUSED', `no state of a ${kind} notification`);
  }
  if (deps.words.merchantOf(plaintext) !== 'ours') {
    throw refuse(deps, 'NOTIFICATION_REFUSED', 'mch_id is not ours');
  }
  return { plaintext };
}

/** AES-256-ECB; the key is the MD5 of the API key, in lower-case hex. */
function decrypt({ apiKeyV2 }: V2Credentials, text: string): XmlFields | undefined {
  const bytes = strictBase64(text.replace(/\s/g, ''));
  if (bytes === undefined) return undefined;
  const key = createHash('md5').update(apiKeyV2).digest('hex');
  try {
    const decipher = createDecipheriv('aes-256-ecb', key, null);
    return readXml(Buffer.concat([decipher.update(bytes), decipher.final()]), 'root');
  } catch {
    return undefined; // not whole blocks, or another key
  }
}

function refuse({ logger }: V2OpenerDeps, code: ErrorCode, detail: string): SignatureError {
  logger.warn({ code, reason: detail }, 'notification refused');
  return new SignatureError(code, { detail });
}
