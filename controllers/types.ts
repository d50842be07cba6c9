import type { Caller } from '../services/access/caller';

/** One request, read and proven: who asks, and what, checked against the route's schema. */
export interface Call<B = never> {
  readonly caller: Caller;
  readonly body: B;
}

export type Reply =
  | { readonly status: number; readonly data: unknown }
  | { readonly stream: NodeJS.ReadableStream; readonly headers: Readonly<Record<string, string>> };

export type Controller<B = never> = (call: Call<B>) => Promise<Reply>;
