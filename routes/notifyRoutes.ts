/** Paths for WeChat's callbacks, and which kind each accepts. Raw bytes, no login: the content is the proof. */
import { readyOf, type Exchange } from './exchange';
import { receive, type Context, type Endpoint } from './pipeline';
import { notificationBytesMax } from '../services/strategies/notification';
import type { NotificationKind } from '../services/strategies/strategy';
import { parseJsonObject } from '../utils/body';
import { AppError, NotFoundError } from '../utils/errors';
import { sendNotified } from '../utils/respond';
import type { Json } from '../utils/json';

export const NOTIFY_ROUTES: Readonly<Record<string, NotificationKind>> = {
  '/wechatpay/order': 'payment',
  '/wechatpay/refund': 'refund',
  '/wechatpay/transfer': 'transfer',
  '/wechatpay/echo': 'echo',
  '/wx-pay/unifiedOrderTrigger': 'payment',
  '/wx-pay/refundTrigger': 'refund',
  '/wx-pay/transferTrigger': 'transfer',
};

/** Each with and without a slash at its end. */
export const notifyEndpoints = (context: Context): Endpoint[] =>
  Object.entries(NOTIFY_ROUTES).flatMap(([path, expected]) => {
    const handle: Endpoint['handle'] = async (exchange) => {
      exchange.voice = 'notify';
      await receive(context, exchange, notificationBytesMax(exchange.req.headers));
      await notified(exchange, { expected });
    };
    return [path, `${path}/`].map((one) => ({ method: 'POST', path: one, handle }));
  });

/**
 * true: WeChat's envelope, or Integration Center's form of it. It proves nothing: it only decides which reader
 * gets the bytes.
 */
export const isNotification = (body: Json): boolean =>
  Object.hasOwn(body, 'rawData') ||
  Object.hasOwn(body, 'ParsedNotify') ||
  (Object.hasOwn(body, 'resource') && Object.hasOwn(body, 'event_type'));

/** Answers after the notification is recorded. */
export async function notified(
  exchange: Exchange,
  read: { readonly expected: NotificationKind } | { readonly body: Json },
): Promise<void> {
  exchange.voice = 'notify';
  const { req, res, bytes, headers } = exchange;
  const { notify } = readyOf(exchange);
  await notify.receive({ headers: req.headers, raw: bytes, ...read });
  sendNotified(res, notify.acknowledgement(bytes), headers);
}

/**
 * A POST to an unknown path. A notification that arrives there is handled like one on `/`.
 * @throws NotFoundError ROUTE_NOT_FOUND for any other body.
 */
export async function receiveOnUnknownPath(context: Context, exchange: Exchange): Promise<void> {
  await receive(context, exchange, notificationBytesMax(exchange.req.headers)).catch(notOurs);
  const body = jsonOrNothing(exchange.bytes);
  if (!isNotification(body)) throw new NotFoundError('ROUTE_NOT_FOUND');
  await notified(exchange, { body });
}

/**
 * A body sent to an unknown path may have faults, too, but the sender is told about the path. Exception: one of our
 * limits was reached. Then it may be a forwarded callback, which must be sent again.
 */
function notOurs(cause: unknown): never {
  if (cause instanceof AppError && cause.retryable) throw cause;
  throw new NotFoundError('ROUTE_NOT_FOUND', { cause });
}

function jsonOrNothing(bytes: Buffer): Json {
  try {
    return parseJsonObject(bytes);
  } catch (cause) {
    return notOurs(cause);
  }
}
