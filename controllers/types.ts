import type { Caller } from '../services/access/caller';

/** One checked request: who asks, and a body that fits the route's schema. */
export interface Call<B = never> {
  readonly caller: Caller;
  readonly body: B;
}

export interface Answered<D> {
  readonly status: number;
  readonly data: D;
}

export interface Streamed {
  readonly stream: NodeJS.ReadableStream;
  readonly headers: Readonly<Record<string, string>>;
}

export type Reply = Answered<unknown> | Streamed;

/** @typeParam D `data.data` of its reply. */
export type Controller<B, D> = (call: Call<B>) => Promise<Answered<D>>;
export type StreamController<B> = (call: Call<B>) => Promise<Streamed>;
