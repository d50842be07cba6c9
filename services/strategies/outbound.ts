import type { KeyObject } from 'node:crypto';
import type { Config, V3Credentials } from '../../config/types';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';
import { createAesKey } from './aesGcm';
import { loadCertificates } from './certificates';
import { createDownload } from './download';
import { createHttpClient, type HttpClient } from './http';
import { createKeyRing, KEY_WAIT_MS, type KeyRing } from './keyRing';
import { createReplyJudge, faultReply } from './reply';
import { createSigner, type Signer } from './signer';
import type { NotificationWords } from './labels';
import type { PayStrategy, WechatCall, WechatReply } from './strategy';
import { createTransport, guardPath, USER_AGENT, type Prepare, type RetryPause } from './transport';
import { createVerifier, type Verifier } from './verifier';

export interface StrategyDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared by merchants, so that connections and names are kept once; else one of its own. */
  readonly http?: HttpClient | undefined;
  /** How this merchant's notifications are worded. */
  readonly dialect: NotificationWords;
  readonly retryPause?: RetryPause | undefined;
}

/** What both modes share: the way out, the keys, the check of signatures. */
export interface Outbound {
  readonly aesKey: KeyObject;
  readonly ring: KeyRing;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly call: PayStrategy['call'];
  readonly download: PayStrategy['download'];
  close(): void;
}

/** @throws ConfigError CONFIG_INVALID when a key cannot be read. Opens no connection. */
export function createOutbound(
  deps: Omit<StrategyDeps, 'dialect'>,
  credentials: V3Credentials,
): Outbound {
  const { config, clock, logger, http = createHttpClient() } = deps;
  const { wxPayBaseUrl: baseUrl, wxPayBackupUrl: backupUrl } = config;
  const aesKey = createAesKey(credentials.apiV3Key);
  const signer = createSigner({ credentials, clock });
  const prepare = preparing(signer);
  const transport = createTransport({ ...deps, http, prepare, baseUrl, backupUrl });
  const ring: KeyRing = createKeyRing({
    credentials,
    clock,
    logger,
    load: (held) =>
      loadCertificates({ transport, aesKey, clock, requestSerial: ring.requestSerial }, held),
  });
  const { requestSerial } = ring;
  const verifier = createVerifier({ ring, clock });
  const judge = createReplyJudge({ verifier, logger });

  async function call(call: WechatCall): Promise<WechatReply> {
    const waitMs = Math.min(KEY_WAIT_MS, (call.deadline ?? Infinity) - clock.now());
    // Without a key no reply can be verified. Nothing is sent: WeChat might carry out a call whose answer is useless.
    if (!(await ring.ready(waitMs))) return { kind: 'unknown', reason: 'keys', requestId: null };
    const serial = call.serial ?? requestSerial;
    const request = { ...call, ...(serial === undefined ? {} : { serial }) };
    const sent = await transport.send(request, (reply, context) => judge(call, reply, context));
    return 'value' in sent ? sent.value : faultReply(sent.fault);
  }

  return {
    aesKey,
    ring,
    signer,
    verifier,
    call,
    download: createDownload({ http, transport, clock, requestSerial, baseUrl, backupUrl }),
    close() {
      ring.close();
      transport.close();
    },
  };
}

/** Signs one attempt: a new time and nonce each. */
const preparing =
  (signer: Signer): Prepare =>
  async (request, { origin, timeoutMs }) => {
    guardPath(request);
    const { method, path } = request;
    const body = request.body ?? '';
    const bytes = Buffer.from(body, 'utf8');
    const headers: Record<string, string> = {
      Authorization: await signer.authorize({ method, path, body }),
      Accept: 'application/json',
      'User-Agent': USER_AGENT,
    };
    if (method === 'POST') headers['Content-Length'] = String(bytes.length);
    if (bytes.length > 0) headers['Content-Type'] = 'application/json';
    if (request.serial !== undefined) headers['Wechatpay-Serial'] = request.serial;
    return { origin, method, path, headers, body: bytes, timeoutMs, fresh: false };
  };
