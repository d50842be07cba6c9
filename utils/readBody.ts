/**
 * A request's raw bytes, within a limit. body-parser does the same through four layers and three event emitters;
 * every order and every callback takes this path (see docs/performance.md).
 */
import type { IncomingMessage } from 'node:http';
import { AppError, InvariantError, ValidationError } from './errors';

/**
 * The first bytes of every body: bounded by the number of connections (1,024 × 16 kB = 16 MiB), so they are not
 * counted. Orders and callbacks fit, and are received however many large bodies are stalled.
 */
export const SMALL_BYTES = 16 * 1024;
/** What all bodies that are being received may hold at once beyond that: 64 MiB in all. */
export const LARGE_BYTES_MAX = 48 * 1024 * 1024;

/** Of one server: how many bytes of bodies not yet complete are held beyond the small ones. */
export interface BodyBudget {
  held: number;
}

/**
 * @param limitBytes more than this is refused, before it is read where the sender says how much it is.
 * @throws ValidationError BODY_TOO_LARGE · CONTENT_TYPE_UNSUPPORTED: compressed, so that a small body cannot
 *   become a large one · BODY_INVALID: it broke off · AppError OVERLOADED: there is no memory for it now ·
 *   InvariantError: middleware in front of us has read it, and a callback is proven by its exact bytes.
 */
export function readBody(
  req: IncomingMessage,
  limitBytes: number,
  budget: BodyBudget,
): Promise<Buffer> {
  const refusal = refusalOf(req, limitBytes, budget);
  if (refusal !== undefined) return Promise.reject(refusal);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let counted = 0;
    const settle = (): void => {
      budget.held -= counted;
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    };
    const refuse = (error: AppError): void => {
      settle();
      req.resume();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limitBytes) {
        refuse(new ValidationError('BODY_TOO_LARGE'));
        return;
      }
      const large = Math.max(0, size - SMALL_BYTES);
      budget.held += large - counted;
      counted = large;
      if (large > 0 && budget.held > LARGE_BYTES_MAX) refuse(overloaded());
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      settle();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    };
    const onClose = (): void => {
      settle();
      reject(new ValidationError('BODY_INVALID', { detail: 'broken off' }));
    };
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** What is wrong with a body before any of it is read. */
function refusalOf(
  req: IncomingMessage,
  limitBytes: number,
  budget: BodyBudget,
): AppError | undefined {
  const { 'content-encoding': encoding, 'content-length': length } = req.headers;
  if (req.readableDidRead) return new InvariantError('the body was read before this service');
  if (encoding !== undefined && encoding !== 'identity') {
    return new ValidationError('CONTENT_TYPE_UNSUPPORTED', { detail: 'encoding' });
  }
  if (length === undefined) return undefined;
  if (Number(length) > limitBytes) return new ValidationError('BODY_TOO_LARGE');
  const large = Number(length) - SMALL_BYTES;
  return large > 0 && budget.held + large > LARGE_BYTES_MAX ? overloaded() : undefined;
}

const overloaded = (): AppError =>
  new AppError('OVERLOADED', { detail: 'bodies', retryAfterSeconds: 5 });
