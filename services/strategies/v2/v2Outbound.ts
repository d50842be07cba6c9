/** The way out of API v2: XML with a nonce and a signature of its own at each attempt, a client certificate where money goes out. */
import { randomBytes } from 'node:crypto';
import type { V2Credentials } from '../../../config/types';
import { createHttpClient, type HttpClient, type HttpRequest } from '../http';
import type { StrategyDeps } from '../outbound';
import { faultReply } from '../reply';
import type { WechatCall, WechatReply } from '../strategy';
import { createTransport, guardPath, USER_AGENT, type Prepare, type Transport } from '../transport';
import type { ClientCertificate } from './clientCertificate';
import { signV2 } from './sign';
import { judgeV2 } from './v2Reply';
import { writeXml } from './xml';

/** Where WeChat Pay asks for the merchant's certificate. */
export const needsCertificate = ({ path }: Pick<WechatCall, 'path'>): boolean =>
  path.startsWith('/secapi/');

export const createNonce = (): string => randomBytes(16).toString('hex');

export interface V2Outbound {
  call(call: WechatCall): Promise<WechatReply>;
  /** One attempt at a call whose answer is read as a stream. */
  prepare(call: WechatCall, timeoutMs: number): Promise<HttpRequest>;
  readonly http: HttpClient;
  close(): void;
}

export function createV2Outbound(
  deps: StrategyDeps,
  credentials: V2Credentials,
  certificate: ClientCertificate,
): V2Outbound {
  const { config, http = createHttpClient() } = deps;
  const { wxPayBaseUrl: baseUrl, wxPayBackupUrl: backupUrl } = config;
  const prepare = preparing(credentials);
  const open = createTransport({ ...deps, http, prepare, baseUrl, backupUrl });
  let secured: Transport | undefined;
  const { apiKeyV2, signTypeV2: type } = credentials;
  const judge = judgeV2(deps, { apiKeyV2, type });

  async function transportOf(call: WechatCall): Promise<Transport> {
    if (!needsCertificate(call)) return open;
    const identity = await certificate.open();
    secured ??= createTransport({
      ...deps,
      http: createHttpClient(identity),
      prepare,
      baseUrl,
      backupUrl,
    });
    return secured;
  }

  return {
    http,
    prepare: (call, timeoutMs) => prepare(call, { origin: new URL(baseUrl).origin, timeoutMs }),
    async call(call) {
      const transport = await transportOf(call);
      const sent = await transport.send(call, (reply, context) =>
        Promise.resolve(judge(call, reply, context)),
      );
      return 'value' in sent ? sent.value : faultReply(sent.fault);
    },
    close() {
      open.close();
      secured?.close();
    },
  };
}

const preparing =
  (credentials: V2Credentials): Prepare =>
  (request, { origin, timeoutMs }) => {
    guardPath(request);
    const body = Buffer.from(sealed(credentials, request.body ?? '{}'));
    const headers = {
      Accept: 'text/xml',
      'Content-Type': 'text/xml; charset=utf-8',
      'Content-Length': String(body.length),
      'User-Agent': USER_AGENT,
    };
    const { path } = request;
    return Promise.resolve({
      ...{ origin, method: 'POST', path, headers, body, timeoutMs, fresh: false },
    } as const);
  };

/** The fields as XML, with nonce, type and signature. */
function sealed({ apiKeyV2, signTypeV2 }: V2Credentials, body: string): string {
  const given = Object.entries(JSON.parse(body) as Readonly<Record<string, unknown>>);
  const fields: (readonly [string, string])[] = given.map(([name, value]) => [name, String(value)]);
  fields.push(['nonce_str', createNonce()], ['sign_type', signTypeV2]);
  return writeXml([...fields, ['sign', signV2(fields, apiKeyV2, signTypeV2)]]);
}
