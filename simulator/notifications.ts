import { aesGcmEncrypt, rsaSign } from './crypto';
import type { SigningKey } from './keys';
import { rfc3339 } from './time';
import type { Message, NotificationKind, NotificationOverrides, Plain } from './types';
import type { World } from './world';

/** The probe signatures WeChat sends to see who verifies start with this. */
export const PROBE_PREFIX = 'WECHATPAY/SIGNTEST/';

export const SIGNATURE_TYPE = 'WECHATPAY2-SHA256-RSA2048';

interface Labels {
  event_type: string;
  original_type: string;
  summary: string;
}

const REFUND_SUMMARY: Record<string, string> = {
  SUCCESS: '退款成功',
  CLOSED: '退款关闭',
  ABNORMAL: '退款异常',
};

/** The labels that go with a plaintext. */
export function labelsOf(kind: NotificationKind, plain: Plain): Labels {
  if (kind === 'payment') {
    return {
      event_type: 'TRANSACTION.SUCCESS',
      original_type: 'transaction',
      summary: '支付成功',
    };
  }
  if (kind === 'refund') {
    const status = typeof plain.refund_status === 'string' ? plain.refund_status : 'SUCCESS';
    const summary = REFUND_SUMMARY[status] ?? '退款通知';
    return { event_type: `REFUND.${status}`, original_type: 'refund', summary };
  }
  if (kind === 'transfer') {
    return {
      event_type: 'MCHTRANSFER.BILL.FINISHED',
      original_type: 'mch_payment',
      summary: '商家转账单据终态通知',
    };
  }
  return { event_type: 'SECURITY_ECHO.SUCCESS', original_type: 'security', summary: '回显成功' };
}

/** The four headers and their company, for a callback or a reply. */
export function signatureHeaders(
  world: World,
  body: string,
  o: { key: SigningKey; probe?: boolean; timestamp?: string; nonce?: string },
): Record<string, string> {
  const timestamp = o.timestamp ?? String(Math.floor(world.wireNowMs() / 1000));
  const nonce = o.nonce ?? world.random.text(32);
  const signature = rsaSign(`${timestamp}\n${nonce}\n${body}\n`, o.key.privateKey);
  return {
    'Wechatpay-Timestamp': timestamp,
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Signature': o.probe ? `${PROBE_PREFIX}${signature.slice(20)}` : signature,
    'Wechatpay-Serial': o.key.id,
    'Wechatpay-Signature-Type': SIGNATURE_TYPE,
  };
}

function associatedData(world: World, original: string, over?: string): string | undefined {
  if (over !== undefined) return over;
  const { associatedData: how } = world.switches;
  if (how === 'absent') return undefined;
  return how === 'empty' ? '' : original;
}

/** The outer body of a notification, its resource truly encrypted with the APIv3 key. */
export function notificationBody(
  world: World,
  kind: NotificationKind,
  plain: Plain,
  o: NotificationOverrides & { create_time?: string } = {},
): { outer: Plain; text: string } {
  const labels = labelsOf(kind, plain);
  const original_type = o.original_type ?? labels.original_type;
  const nonce = world.random.text(12);
  const associated = associatedData(world, original_type, o.associated_data);
  const ciphertext = aesGcmEncrypt(JSON.stringify(plain), {
    key: world.keys.apiV3Key,
    nonce,
    associatedData: associated ?? '',
  });
  const outer = {
    id: o.id ?? world.random.uuid(),
    create_time: o.create_time ?? rfc3339(world.now()),
    resource_type: 'encrypt-resource',
    event_type: o.event_type ?? labels.event_type,
    summary: o.summary ?? labels.summary,
    resource: {
      original_type,
      algorithm: 'AEAD_AES_256_GCM',
      ciphertext,
      ...(associated === undefined ? {} : { associated_data: associated }),
      nonce,
    },
  };
  return { outer, text: JSON.stringify(outer) };
}

/** A genuine notification: encrypted, signed, dated. Any part may be overridden for a test. */
export function makeNotification(
  world: World,
  kind: NotificationKind,
  plain: Plain,
  o: NotificationOverrides & { create_time?: string; probe?: boolean } = {},
): Message {
  const { text } = notificationBody(world, kind, plain, o);
  const headers = signatureHeaders(world, text, {
    key: world.callbackKey(),
    probe: o.probe ?? false,
    ...(o.timestamp === undefined ? {} : { timestamp: String(o.timestamp) }),
    ...(o.nonce === undefined ? {} : { nonce: o.nonce }),
  });
  if (o.serial !== undefined) headers['Wechatpay-Serial'] = o.serial;
  if (o.signature !== undefined) headers['Wechatpay-Signature'] = o.signature;
  return {
    body: text,
    headers: {
      'Content-Type': 'application/json',
      Accept: '*/*',
      'User-Agent': 'Mozilla/4.0',
      'Request-ID': `${world.random.hex(32).toUpperCase()}-0`,
      ...headers,
    },
  };
}

/**
 * What Integration Center hands to the function: the decrypted content, and WeChat's outer body
 * with or without the ciphertext. Every shape beyond `ParsedContent` and `event_type` is a guess.
 */
export function makeForward(
  world: World,
  kind: NotificationKind,
  plain: Plain,
  o: NotificationOverrides & {
    create_time?: string;
    ciphertext?: boolean;
    rawDataAsString?: boolean;
  } = {},
): { body: string } {
  const { outer } = notificationBody(world, kind, plain, o);
  const { resource, ...labels } = outer;
  const raw = o.ciphertext === false ? labels : outer;
  return {
    body: JSON.stringify({
      ParsedContent: plain,
      ParsedNotify: {
        ...labels,
        resource: { original_type: (resource as Plain).original_type },
      },
      Plaintext: JSON.stringify(plain),
      rawData: o.rawDataAsString ? JSON.stringify(raw) : raw,
    }),
  };
}
