/**
 * What a body says about itself where the path does not: the old dispatch by `_action` or `path`, and the
 * form of a notification. Pure: who may do it is decided where every other request is decided.
 */
type Json = Readonly<Record<string, unknown>>;

/** The route a body asks for, and the body that this route gets. */
export interface Dispatch {
  /** undefined: no text, or no route of `/wx-pay/`. Whether the route exists is not checked here. */
  readonly name: string | undefined;
  readonly body: Json;
}

const PREFIX = '/wx-pay/';

/**
 * true: WeChat's envelope, or Integration Center's form of it. It proves nothing: it only says which of our
 * readers has to look at the bytes.
 */
export const isNotification = (body: Json): boolean =>
  Object.hasOwn(body, 'rawData') ||
  Object.hasOwn(body, 'ParsedNotify') ||
  (Object.hasOwn(body, 'resource') && Object.hasOwn(body, 'event_type'));

/** @returns undefined for a body that names no route at all. */
export function readDispatch(parsed: Json): Dispatch | undefined {
  const { _action: action, path } = parsed;
  if (action !== undefined) {
    const { _action: _used, ...body } = parsed;
    // A `path` beside it stays in the body: the schema refuses it, for it might name another route.
    return { name: afterPrefix(action, 'start'), body };
  }
  if (path === undefined) return undefined;
  const { path: _used, method: _method, ...body } = parsed;
  return { name: afterPrefix(path, 'anywhere'), body };
}

/** The name behind `/wx-pay/`. An `_action` may also be the bare name; a `path` may have a prefix before. */
function afterPrefix(value: unknown, where: 'start' | 'anywhere'): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (where === 'start') return value.startsWith(PREFIX) ? value.slice(PREFIX.length) : value;
  const at = value.lastIndexOf(PREFIX);
  return at < 0 ? undefined : value.slice(at + PREFIX.length);
}
