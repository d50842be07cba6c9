import type { Caller } from '../services/access/caller';

type Json = Readonly<Record<string, unknown>>;

/** One request, read and proven: what a controller works on. Bodies are checked against the route's schema. */
export interface Call {
  readonly caller: Caller;
  readonly body: Json;
  readonly query: Json;
  readonly params: Json;
}

export type Reply =
  | { readonly status: number; readonly data: unknown }
  | { readonly stream: NodeJS.ReadableStream; readonly headers: Readonly<Record<string, string>> };

export type Controller = (call: Call) => Promise<Reply>;
