import type { V3Credentials } from '../../config/types';
import { UpstreamError } from '../../utils/errors';
import { billOfferOf } from './bill';
import { sealedBillOf } from './sealedBill';
import { createOpener, isSigned, type Opener } from './notification';
import { createOutbound, type Outbound, type StrategyDeps } from './outbound';
import type { V3Strategy } from './strategy';

type Sdk = import('wechatpay-node-v3');
type SdkClass = typeof import('wechatpay-node-v3');
type SdkHttp = Parameters<Sdk['createHttp']>[0];

/** What both modes are made of; a mode adds only how a notification's origin is proven. */
export interface StrategyBase {
  readonly opener: Opener;
  readonly strategy: Omit<V3Strategy, 'openNotification'>;
}

/**
 * WeChat speaks to us directly: a notification is proven by its signature. One without is a hint.
 * Calls out are the same in both modes.
 */
export function createSdkStrategy(deps: StrategyDeps, credentials: V3Credentials): V3Strategy {
  const { opener, strategy } = createStrategyBase(deps, credentials);
  return {
    ...strategy,
    openNotification: async (input) =>
      isSigned(input) ? opener.openSigned(input) : opener.openUnsigned(input, { tagProves: false }),
  };
}

export function createStrategyBase(deps: StrategyDeps, credentials: V3Credentials): StrategyBase {
  const { clock, logger } = deps;
  const outbound = createOutbound(deps, credentials);
  const { ring, signer, verifier, aesKey, call, download } = outbound;
  let sdk: Promise<Sdk> | undefined;

  return {
    opener: createOpener({ aesKey, words: deps.dialect, verifier, clock, logger }),
    strategy: {
      call,
      async bill(asked) {
        const reply = await call(asked);
        const open = (url: string): Promise<NodeJS.ReadableStream> => download(url);
        return sealedBillOf(reply, open, credentials.privateKey) ?? billOfferOf(reply, open);
      },
      download,
      signJsapi: (input) => signer.signJsapi(input),
      signApp: (input) => signer.signApp(input),
      async encrypt(text) {
        const { serial, key } = await ring.forEncryption();
        sdk ??= loadSdk(credentials, outbound);
        const pem = key.export({ type: 'spki', format: 'pem' });
        return { serial, ciphertext: (await sdk).publicEncrypt(text, Buffer.from(pem)) };
      },
      start: () => ring.start(),
      keys: () => {
        const serials = ring.serials();
        return { ready: serials.length > 0, serials };
      },
      close: async () => {
        outbound.close();
      },
    },
  };
}

/**
 * The SDK, on the first field to encrypt: it draws in an HTTP client of its own, which must stay out of
 * the start. Of its methods only `publicEncrypt` is called. Its `decipher_gcm` never calls `final()`, so it
 * takes any tag; its nonce comes from Math.random; its verification fetches keys itself.
 */
async function loadSdk(credentials: V3Credentials, outbound: Outbound): Promise<Sdk> {
  const loaded: unknown = await import('wechatpay-node-v3');
  const SdkConstructor = unwrap(loaded);
  const sdk = new SdkConstructor({
    appid: credentials.appId,
    mchid: credentials.merchantId,
    serial_no: credentials.merchantSerialNumber,
    // Demanded by the constructor, used only to read a serial that is given.
    publicKey: Buffer.from('unused'),
    privateKey: Buffer.from(credentials.privateKey),
  });
  sdk.createHttp(createSdkHttp(outbound));
  return sdk;
}

/** A CommonJS class arrives as the namespace's default, one deeper after some bundlers. */
function unwrap(loaded: unknown): SdkClass {
  let value = loaded;
  for (let depth = 0; depth < 2 && typeof value !== 'function'; depth += 1) {
    value = (value as { default?: unknown }).default;
  }
  return value as SdkClass;
}

/**
 * Our way out behind the SDK's seam: whatever it may ever send is signed by us, goes to the configured
 * host, and comes back only when proven. Its own headers are dropped: they hold its weak nonce.
 */
function createSdkHttp({ call }: Outbound): SdkHttp {
  const send = async (method: 'GET' | 'POST', url: string, body: string) => {
    const { pathname, search } = new URL(url);
    const reply = await call({ method, path: pathname + search, body });
    if (reply.kind !== 'proven') throw new UpstreamError('WECHATPAY_UNPROVEN');
    return { status: reply.status, data: reply.body };
  };
  return {
    get: (url) => send('GET', url, ''),
    post: (url, params) => send('POST', url, JSON.stringify(params)),
    upload: () => Promise.reject(new UpstreamError('WECHATPAY_UNAVAILABLE')),
  };
}
