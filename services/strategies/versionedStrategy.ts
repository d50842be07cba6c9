/**
 * One strategy over both versions of the API: each call goes the way of its path, each notification is read in the
 * form it came in, and what the credentials of a version are missing for is said by name. A merchant that changes from
 * one version to the other keeps both until its old orders are over.
 */
import type { Config } from '../../config/types';
import { SignatureError, type ConfigError } from '../../utils/errors';
import { JSON_ACKNOWLEDGEMENT } from '../../utils/respond';
import {
  apiVersionOf,
  lacking,
  type ApiVersion,
  type NotificationInput,
  type PayStrategy,
  type V3Strategy,
  type WechatReply,
} from './strategy';
import { beginsAsXml, readXml } from './v2/xml';
import { XML_ACKNOWLEDGEMENT } from './v2/v2Notification';
import { certificateSentence } from './v2/clientCertificate';
import type { V2Part } from './v2/v2Part';

export interface Versions {
  readonly config: Config;
  readonly v3: V3Strategy | undefined;
  readonly v2: V2Part | undefined;
}

const V3_NAMES = ['apiV3Key', 'merchantSerialNumber', 'privateKey'] as const;
const V2_NAME = 'apiKeyV2';

const lackingFor = (version: ApiVersion): ConfigError =>
  version === 'v3' ? lacking(...V3_NAMES) : lacking(V2_NAME);

export function createVersionedStrategy(versions: Versions): PayStrategy {
  const { config, v3, v2 } = versions;
  const of = (version: ApiVersion) => (version === 'v3' ? v3 : v2);
  const partFor = (version: ApiVersion = 'v3') => {
    const part = of(version);
    if (part === undefined) throw lackingFor(version);
    return part;
  };
  const v3Only = (): V3Strategy => {
    if (v3 === undefined) throw lackingFor('v3');
    return v3;
  };
  const speaksV3 = config.signMode !== 'v2';
  let faults: readonly string[] = [];
  return {
    mode: config.signMode,
    acknowledgement: (raw) =>
      v2 !== undefined && beginsAsXml(raw) ? XML_ACKNOWLEDGEMENT : JSON_ACKNOWLEDGEMENT,
    can: { encrypt: v3 !== undefined, transfer: speaksV3, combine: speaksV3 },
    async requireFor(call) {
      const version = apiVersionOf(call.path);
      if (of(version) === undefined) throw lackingFor(version);
      if (version === 'v2') await v2?.requireFor(call);
    },
    call: async (call) => {
      const version = apiVersionOf(call.path);
      return of(version)?.call(call) ?? notSent(version);
    },
    bill: async (call) => {
      const version = apiVersionOf(call.path);
      return of(version)?.bill(call) ?? notSent(version);
    },
    signJsapi: async (input) => partFor(input.api).signJsapi(input),
    signApp: async (input) => partFor(input.api).signApp(input),
    encrypt: async (text) => v3Only().encrypt(text),
    openNotification: (input) => openNotification(versions, input),
    download: async (url, deadline) => v3Only().download(url, deadline),
    faults: () => faults,
    async start() {
      const [fault] = await Promise.all([v2?.certificateFault(), v3?.start()]);
      faults = fault === undefined || fault === 'missing' ? [] : [certificateSentence(fault)];
    },
    keys: () => v3?.keys() ?? { ready: true, serials: [] },
    async close() {
      v2?.close();
      await v3?.close();
    },
  };
}

const notSent = (version: ApiVersion): WechatReply => ({
  kind: 'unknown',
  reason: 'credentials',
  code: version === 'v3' ? V3_NAMES[0] : V2_NAME,
  requestId: null,
});

async function openNotification(
  { config, v3, v2 }: Versions,
  input: NotificationInput,
): ReturnType<PayStrategy['openNotification']> {
  if (!beginsAsXml(input.raw)) {
    if (v3 === undefined) throw new SignatureError('NOTIFICATION_REFUSED', { detail: 'no xml' });
    return v3.openNotification(input);
  }
  if (v2 !== undefined) return v2.openNotification(input);
  // Of an order made before the change to API v3: WeChat shall come again once the key is back.
  const named = readXml(input.raw)?.get('mch_id');
  if (named === config.credentials.merchantId) throw lackingFor('v2');
  throw new SignatureError('NOTIFICATION_UNPROVEN', { detail: 'xml' });
}
