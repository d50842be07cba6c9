/** The service's own API, typed by its document. The key goes into a header and is kept nowhere but in memory. */
import type { operations } from './api.generated';

type Json = Readonly<Record<string, unknown>>;

/** A POST below `/wx-pay/`, by its name. */
export type ActionName = Extract<keyof operations, `wxpay_${string}`>;

type BodyOf<N extends ActionName> = operations[N] extends {
  requestBody?: { content: { 'application/json': infer B } };
}
  ? B
  : Json;

type DataOf<T> = T extends { data: { data: infer D } } ? D : never;
type ReplyOf<N extends ActionName> = operations[N] extends {
  responses: { 200: { content: { 'application/json': infer R } } };
}
  ? DataOf<R>
  : never;

export interface Done<T> {
  /** 202: taken, the outcome is unknown yet. */
  readonly status: number;
  readonly data: T;
}

/** What the service or the network answered instead of success. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** A code of docs/errors.md, or NETWORK. */
    readonly code: string,
    message: string,
    readonly requestId: string,
  ) {
    super(message);
  }
}

/** `…/console/` → `…/`: works below a base path and below `/m/<key>` alike. */
export const serviceUrl = (path: string): URL =>
  new URL(path, new URL('../', location.href.split('#')[0]));

async function ask(
  path: string,
  key: string,
  init: { readonly method?: string; readonly body?: string } = {},
): Promise<Json> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(serviceUrl(path), {
      ...init,
      headers: { 'content-type': 'application/json', 'x-api-key': key },
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    text = await answer.text();
  } catch (error) {
    throw new ApiError(0, 'NETWORK', error instanceof Error ? error.message : '', '');
  }
  const body = jsonOf(text);
  if (answer.ok && body['code'] === 0) return body;
  const said = (name: string): string => (typeof body[name] === 'string' ? body[name] : '');
  const code = said('error') || `HTTP ${String(answer.status)}`;
  throw new ApiError(answer.status, code, said('msg'), said('requestId'));
}

function jsonOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** Calls one action. @throws ApiError */
export async function call<N extends ActionName>(
  name: N,
  body: BodyOf<N>,
  key: string,
): Promise<Done<ReplyOf<N>>> {
  const answer = await ask(`wx-pay/${name}`, key, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return answer['data'] as Done<ReplyOf<N>>;
}

export type Health = operations['healthz']['responses'][200]['content']['application/json'];

export const health = async (key: string): Promise<Health> =>
  (await ask('healthz', key)) as unknown as Health;
