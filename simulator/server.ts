import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { authenticate, parseAuthorization } from './authenticate';
import { control } from './control';
import { ApiError, NUMERIC, paramError } from './errors';
import { magicRequest, MagicTries } from './magic';
import { signatureHeaders } from './notifications';
import { flip } from './notifier';
import { remember } from './remember';
import { allRoutes } from './routes';
import type { Fault, ObservedRequest, Simulator } from './types';
import { answerV2, isV2, merchantOf } from './v2/gateway';
import type { ApiReply, ApiRequest, Platform, World } from './world';

const BODY_MAX_BYTES = 1024 * 1024;
const CHUNK_BYTES = 16 * 1024;

/** A reply ready for the wire. */
interface Wire {
  status: number;
  body: Buffer;
  headers: Record<string, string>;
}

interface Call {
  readonly method: string;
  readonly url: string;
  readonly parsed: URL;
  readonly raw: Buffer;
  readonly headers: IncomingMessage['headers'];
  readonly observed: ObservedRequest;
  /** The merchant that the request names; whether it comes from him is for `authenticate` to say. */
  readonly world: World;
}

interface CompiledRoute {
  method: string;
  pattern: RegExp;
  handle: (world: World, request: ApiRequest) => ApiReply;
}

function compile(): CompiledRoute[] {
  return allRoutes.map((route) => ({
    method: route.method,
    pattern: new RegExp(`^${route.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
    handle: route.handle,
  }));
}

/** The body, or undefined when it is larger than anything WeChat takes. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseBody(call: Call): Record<string, unknown> {
  if (call.raw.length === 0) return {};
  const text = call.raw.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw paramError('解析 Json 出错 (位置: /body): 请求体不是合法的JSON对象', {
      detail: { location: null, value: text.slice(0, 64) },
    });
  }
  return value as Record<string, unknown>;
}

function checkHeaders(call: Call): void {
  if (call.world.switches.requestHeaders === 'accept') return;
  const accept = call.headers.accept ?? '';
  if (call.headers['user-agent'] && /\*\/\*|application\/(json|\*)/.test(accept)) return;
  throw paramError('Http头缺少Accept或User-Agent');
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The HTTP side: reads, proves, routes, signs, and spoils where a fault was ordered. */
export class ApiServer {
  readonly server: Server;
  private readonly routes = compile();
  private readonly nonces = new Set<string>();
  private readonly magic = new MagicTries();
  simulator: Simulator | undefined;

  /** @param worlds  By mchid. A request that names none of them is answered by the first. */
  constructor(
    private readonly platform: Platform,
    private readonly worlds: ReadonlyMap<string, World>,
  ) {
    this.server = createServer((request, response) => {
      void this.serveSafely(request, response);
    });
    this.server.keepAliveTimeout = 65_000;
  }

  private worldOf(authorization: string | undefined, path: string, raw: Buffer): World {
    const mchid = isV2(path) ? merchantOf(raw) : parseAuthorization(authorization ?? '')?.mchid;
    const [first] = this.worlds.values();
    return this.worlds.get(mchid ?? '') ?? (first as World);
  }

  private async serveSafely(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.serve(request, response);
    } catch (error) {
      // The caller hung up while sending: there is nobody to answer.
      if (request.destroyed && !request.complete) return;
      // A bug of the simulator must show itself as one, not as a fault of WeChat.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (!response.headersSent) response.writeHead(599, { 'Content-Type': 'text/plain' });
      response.end(`simulator bug: ${text}`);
    }
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const parsed = new URL(`http://simulator${url}`);
    const raw = await readBody(request);
    if (raw === undefined) {
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    if (parsed.pathname.startsWith('/_sim/') && this.simulator !== undefined) {
      await control(this.simulator, { method: request.method ?? '', parsed, raw }, response);
      return;
    }
    const observed: ObservedRequest = {
      atMs: this.platform.clock.now(),
      method: request.method ?? '',
      path: url,
      body: raw.toString('utf8'),
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([key, value]) => [key, String(value)]),
      ),
      signature: 'unchecked',
      status: 0,
      requestId: '',
      idempotentReplay: false,
    };
    remember(this.platform.requests, observed);
    const { method = '', headers } = request;
    const world = this.worldOf(headers.authorization, parsed.pathname, raw);
    await this.answer({ method, url, parsed, raw, headers, observed, world }, response);
  }

  private async answer(call: Call, response: ServerResponse): Promise<void> {
    const names = [`${call.method} ${call.parsed.pathname}`, `${call.method} ${call.url}`];
    const { method, raw } = call;
    const faults = [
      ...this.platform.faults.take(names, (one) => one.kind === 'latency'),
      ...magicRequest(call.world, this.magic, { method, path: call.parsed.pathname, raw }),
    ];
    let fault: Fault | undefined;
    for (const one of faults) {
      if (one.kind === 'latency') await sleep(one.ms ?? 1000);
      else fault = one;
    }
    if (fault?.kind === 'drop_before') {
      drop(response);
      return;
    }
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status' || fault?.kind === 'html') {
      this.faultReply(call, response, fault);
      return;
    }
    const wire = this.executed(call, fault);
    if (fault?.kind === 'drop_after') {
      drop(response);
      return;
    }
    if (fault?.kind === 'status_after') {
      this.faultReply(call, response, fault);
      return;
    }
    this.send(call, response, wire(), fault);
  }

  /** Runs the call in its version of the API. @returns its answer, not signed yet. */
  private executed(call: Call, fault: Fault | undefined): () => Wire {
    if (isV2(call.parsed.pathname)) {
      const answer = answerV2(call.world, call.parsed.pathname, call.raw, fault);
      call.observed.signature = answer.signature;
      const { status, body, type } = answer;
      const headers = { 'Content-Type': type, 'Request-ID': this.requestId(0) };
      return () => ({ status, body, headers });
    }
    const { reply, numeric } = this.execute(call);
    return () => this.wire(call, reply, { numeric, fault });
  }

  /** Runs the call itself; everything it changes is done when this returns. */
  private execute(call: Call): { reply: ApiReply; numeric: number } {
    try {
      const { method, url, headers, raw } = call;
      try {
        authenticate(call.world, { method, url, headers, raw }, this.nonces);
        call.observed.signature = 'valid';
      } catch (error) {
        call.observed.signature = error instanceof ApiError ? issueOf(error) : 'error';
        throw error;
      }
      checkHeaders(call);
      return { reply: this.dispatch(call), numeric: 0 };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const body = { code: error.code, message: error.message, ...detailOf(error) };
      return { reply: { status: error.status, body }, numeric: error.o.numeric ?? 268435461 };
    }
  }

  private dispatch(call: Call): ApiReply {
    for (const route of this.routes) {
      if (route.method !== call.method) continue;
      const match = route.pattern.exec(call.parsed.pathname);
      if (match === null) continue;
      const params = Object.fromEntries(
        Object.entries(match.groups ?? {}).map(([key, value]) => [key, decode(value)]),
      );
      const request: ApiRequest = {
        params,
        query: call.parsed.searchParams,
        body: parseBody(call),
        serial: String(call.headers['wechatpay-serial'] ?? ''),
        replay: false,
      };
      const reply = route.handle(call.world, request);
      call.observed.idempotentReplay = request.replay;
      return reply;
    }
    throw new ApiError(404, 'NOT_FOUND', '请求的资源不存在');
  }

  private requestId(numeric: number): string {
    return `${this.platform.random.hex(32).toUpperCase()}-${numeric}`;
  }

  /** Serialises and signs a reply, rightly or as the fault or switch wants it. */
  private wire(
    call: Call,
    reply: ApiReply,
    o: { numeric: number; fault?: Fault | undefined },
  ): Wire {
    const headers: Record<string, string> = { 'Request-ID': this.requestId(o.numeric) };
    if (reply.file !== undefined) {
      headers['Content-Type'] = 'application/octet-stream';
      return { status: reply.status, body: reply.file, headers };
    }
    const text = reply.body === undefined ? '' : JSON.stringify(reply.body);
    if (text !== '') headers['Content-Type'] = 'application/json; charset=utf-8';
    const isError = reply.status >= 400;
    if (reply.status < 500 && (!isError || this.platform.switches.signErrors)) {
      Object.assign(headers, this.sign(call, text, o.fault));
    }
    return { status: reply.status, body: Buffer.from(text), headers };
  }

  private sign(call: Call, text: string, fault?: Fault): Record<string, string> {
    const { world } = call;
    const { responseKey, probeShare } = world.switches;
    const want = fault?.kind ?? responseKey;
    if (want === 'no_signature' || want === 'missing') return {};
    const stale = want === 'stale_timestamp' || want === 'stale';
    const timestamp = Math.floor(world.wireNowMs() / 1000) - (stale ? 600 : 0);
    const key = world.replyKey(String(call.headers['wechatpay-serial'] ?? ''));
    const probe = want === 'probe' || world.random.next() < probeShare;
    const signed = signatureHeaders(world, text, { key, probe, timestamp: String(timestamp) });
    if (want === 'unknown_serial') signed['Wechatpay-Serial'] = world.random.hex(40).toUpperCase();
    if (want === 'bad_signature') {
      signed['Wechatpay-Signature'] = flip(signed['Wechatpay-Signature'] ?? '');
    }
    return signed;
  }

  private faultReply(call: Call, response: ServerResponse, fault: Fault): void {
    const status = fault.status ?? (fault.kind === 'html' ? 502 : 500);
    const { serverError } = this.platform.switches;
    const plain = fault.body === undefined && fault.kind !== 'html' && status >= 500;
    if (plain && serverError === 'hang') return;
    if (plain && serverError === 'reset') {
      drop(response);
      return;
    }
    if (fault.kind === 'html' || (plain && serverError === 'html')) {
      const title = `${status} Bad Gateway`;
      const page = `<html><head><title>${title}</title></head><body>${title}</body></html>`;
      const headers = { 'Content-Type': 'text/html' };
      this.send(call, response, { status, body: Buffer.from(page), headers });
      return;
    }
    const body = fault.body ?? this.bodyFor(status);
    this.send(call, response, this.wire(call, { status, body }, { numeric: NUMERIC.rateLimit }));
  }

  private bodyFor(status: number): unknown {
    if (status === 204) return undefined;
    if (status < 400) return {};
    if (status === 429) return { code: this.platform.switches.rateCode, message: '频率超限' };
    if (status >= 500) return { code: 'SYSTEM_ERROR', message: '系统异常，请稍后重试' };
    const codes: Record<number, string> = { 401: 'SIGN_ERROR', 403: 'NO_AUTH', 404: 'NOT_FOUND' };
    return { code: codes[status] ?? 'INVALID_REQUEST', message: '请求被拒绝' };
  }

  private send(call: Call, response: ServerResponse, wire: Wire, fault?: Fault): void {
    call.observed.status = wire.status;
    call.observed.requestId = wire.headers['Request-ID'] ?? '';
    if (response.destroyed) return;
    const length = wire.status === 204 ? {} : { 'Content-Length': String(wire.body.length) };
    response.writeHead(wire.status, { ...wire.headers, ...length });
    if (fault?.kind === 'truncate') {
      // Half of the promised bytes, then the connection breaks.
      response.write(wire.body.subarray(0, Math.floor(wire.body.length / 2)), () => {
        response.destroy();
      });
      return;
    }
    // In pieces, as a large file comes: a client that waits for one chunk shows itself.
    for (let at = 0; at < wire.body.length - CHUNK_BYTES; at += CHUNK_BYTES) {
      response.write(wire.body.subarray(at, at + CHUNK_BYTES));
    }
    const whole = Math.ceil(wire.body.length / CHUNK_BYTES) - 1;
    response.end(wire.body.subarray(Math.max(0, whole) * CHUNK_BYTES));
  }
}

/** A path segment decoded; a broken escape is the caller's fault. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw paramError('请求路径不合法');
  }
}

function drop(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

function detailOf(error: ApiError): { detail?: unknown } {
  return error.o.detail === undefined ? {} : { detail: error.o.detail };
}

function issueOf(error: ApiError): string {
  const detail = error.o.detail as { detail?: { issue?: string } } | undefined;
  return detail?.detail?.issue ?? error.code;
}
