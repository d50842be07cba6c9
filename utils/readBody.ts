/**
 * A request's bytes, as they came and within a bound. body-parser does the same through four layers and
 * three event emitters; this path is walked by every order and every callback (see docs/performance.md).
 */
import type { IncomingMessage } from 'node:http';
import { ValidationError } from './errors';

/**
 * @param limitBytes more than this is refused, before it is read where the sender says how much it is.
 * @throws ValidationError BODY_TOO_LARGE · CONTENT_TYPE_UNSUPPORTED: compressed, so that a small body cannot
 *   become a large one · BODY_INVALID: it broke off.
 */
export function readBody(req: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const { 'content-encoding': encoding, 'content-length': length } = req.headers;
  if (encoding !== undefined && encoding !== 'identity') {
    return Promise.reject(new ValidationError('CONTENT_TYPE_UNSUPPORTED', { detail: 'encoding' }));
  }
  if (length !== undefined && Number(length) > limitBytes) {
    return Promise.reject(new ValidationError('BODY_TOO_LARGE'));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      settle();
      req.resume();
      reject(new ValidationError('BODY_TOO_LARGE'));
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
