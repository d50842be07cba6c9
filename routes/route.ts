/** One API route. The type of its body flows into its handler: a wrong pair does not compile. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import type { Access } from './access';
import type { Controllers } from './payRoutes';
import type { Answered, Call, Reply, Streamed } from '../controllers/types';
import type { Abilities } from '../services/strategies/strategy';
import type { NotifyUrlOf } from '../utils/normalizeInput';
import type { ReplyOf } from '../utils/schemas/replyParts';

export type Tag = 'orders' | 'combinations' | 'refunds' | 'transfers' | 'operations' | 'records';

interface About {
  /** Below `/wx-pay/`; a `:name` is a parameter. */
  readonly name: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly access: Access;
  /** Which API of WeChat it needs: checked after access, before the body. */
  readonly needs?: keyof Abilities;
  /** As `Needs` of access says. */
  readonly whole?: true;
  /** A narrower schema for payers. */
  readonly payerBody?: object;
  /** Which of our notify URLs this route sends to WeChat. */
  readonly notify?: NotifyUrlOf;
  /** `data.data` of a success, or another media type. */
  readonly reply: object | Media;
  /** `data.data` of a 202: accepted, outcome unknown. */
  readonly accepted?: object;
}

export interface Media {
  readonly mediaType: 'text/csv' | 'text/html' | 'text/plain';
  readonly description: string;
}

/** `object` instead of JSONSchema where types are inferred: the compiler would give up (TS2589). */
interface Typed<
  B extends object,
  P extends object,
  R extends object,
  A extends object,
> extends Omit<About, 'reply' | 'accepted'> {
  readonly method?: 'GET' | 'POST';
  /** Body (POST) or query string (GET). */
  readonly body: B;
  readonly params?: P;
  readonly reply: R;
  readonly accepted?: A;
  /** Gets the body, and the parameters of the path beside it; answers what `reply` or `accepted` say. */
  readonly handle: (
    c: Controllers,
  ) => (call: Call<TypeOf<B> & TypeOf<P>>) => Promise<RepliesOf<R, A>>;
}

type TypeOf<S> = S extends JSONSchema ? FromSchema<S> : unknown;
/** A schema that is not understood allows nothing. */
type DataOf<S> = S extends JSONSchema ? ReplyOf<S> : never;
type RepliesOf<R, A> = R extends Media ? Streamed : Answered<DataOf<R> | DataOf<A>>;

export interface RouteSpec extends About {
  readonly method: 'GET' | 'POST';
  readonly body: object;
  readonly params?: object;
  readonly handle: (c: Controllers) => (call: Call) => Promise<Reply>;
}

export function route<
  B extends object,
  R extends object,
  P extends object = object,
  A extends object = never,
>(spec: Typed<B, P, R, A>): RouteSpec {
  // The pipeline checks every body against `body` and `params` before `handle` gets it.
  return { method: 'POST', ...spec } as unknown as RouteSpec;
}
