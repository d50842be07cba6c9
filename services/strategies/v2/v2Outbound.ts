/** The way out of API v2: XML with a nonce and a signature of its own at each attempt, a client certificate where money goes out. */
import { randomBytes } from 'node:crypto';
import type { SignTypeV2, V2Credentials } from '../../../config/types';
import { createHttpClient, type HttpClient, type Opened } from '../http';
import type { StrategyDeps } from '../outbound';
import { faultReply } from '../reply';
import type { WechatCall, WechatReply } from '../strategy';
import { createTransport, guardPath, USER_AGENT, type Prepare, type Transport } from '../transport';
import type { ClientCertificate } from './clientCertificate';
import { signV2 } from './sign';
import { V2_PATHS } from './v2Paths';
import { judgeV2 } from './v2Reply';
import { writeXml } from './xml';

/** Where WeChat Pay asks for the merchant's certificate. */
export const needsCertificate = ({ path }: Pick<WechatCall, 'path'>): boolean =>
  path.startsWith('/secapi/') || path === V2_PATHS.fundBill;

export const createNonce = (): string => randomBytes(16).toString('hex');

export interface V2Outbound {
  call(call: WechatCall): Promise<WechatReply>;
  /** One attempt at a call whose answer is read as a stream. */
  open(call: WechatCall, timeoutMs: number): Promise<Opened>;
  close(): void;
}

export function createV2Outbound(
  deps: Omit<StrategyDeps, 'dialect'>,
  credentials: V2Credentials,
  certificate: ClientCertificate,
): V2Outbound {
  const { config, http = createHttpClient() } = deps;
  const { wxPayBaseUrl: baseUrl, wxPayBackupUrl: backupUrl } = config;
  const prepare = preparing(credentials);
  const open = createTransport({ ...deps, http, prepare, baseUrl, backupUrl });
  const { apiKeyV2, signTypeV2: type } = credentials;
  const judge = judgeV2(deps, { apiKeyV2, type });
  let secured: { readonly http: HttpClient; readonly transport: Transport } | undefined;

  /** With the merchant's certificate where it is asked for. */
  async function wayOf(call: WechatCall): Promise<NonNullable<typeof secured>> {
    if (!needsCertificate(call)) return { http, transport: open };
    const identity = await certificate.open();
    secured ??= securedBy(createHttpClient(identity));
    return secured;
  }
  const securedBy = (own: HttpClient): NonNullable<typeof secured> => ({
    http: own,
    transport: createTransport({ ...deps, http: own, prepare, baseUrl, backupUrl }),
  });

  return {
    async open(call, timeoutMs) {
      const way = await wayOf(call);
      const { origin } = new URL(baseUrl);
      return way.http.open(await prepare(call, { origin, timeoutMs }));
    },
    async call(call) {
      const { transport } = await wayOf(call);
      const sent = await transport.send(call, (reply, context) =>
        Promise.resolve(judge(call, reply, context)),
      );
      return 'value' in sent ? sent.value : faultReply(sent.fault);
    },
    close() {
      open.close();
      secured?.transport.close();
    },
  };
}

const preparing =
  (credentials: V2Credentials): Prepare =>
  (request, { origin, timeoutMs }) => {
    guardPath(request);
    // The fund bill takes no other signature.
    const type = request.path === V2_PATHS.fundBill ? 'HMAC-SHA256' : credentials.signTypeV2;
    const body = Buffer.from(sealed(credentials.apiKeyV2, type, request.body ?? '{}'));
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
function sealed(key: string, type: SignTypeV2, body: string): string {
  const given = Object.entries(JSON.parse(body) as Readonly<Record<string, unknown>>);
  const fields: (readonly [string, string])[] = given.map(([name, value]) => [name, String(value)]);
  fields.push(['nonce_str', createNonce()], ['sign_type', type]);
  return writeXml([...fields, ['sign', signV2(fields, key, type)]]);
}
