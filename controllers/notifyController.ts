/** Notifications: bytes in, proven, recorded; then, and only then, an answer. */
import type { PayService } from '../services/payService';
import type { NotificationInput, PayStrategy } from '../services/strategies/strategy';
import type { Clock } from '../utils/clock';
import { StoreError } from '../utils/errors';

export interface NotifyController {
  readonly acknowledgement: PayStrategy['acknowledgement'];
  /** Resolves when the notification is recorded. @throws otherwise: 4xx not genuine, 5xx try again. */
  receive(input: Omit<NotificationInput, 'deadline'>): Promise<void>;
}

/** WeChat gives up after 5 s. After this time the answer is 5xx, and WeChat sends it again. */
export const NOTIFY_DEADLINE_MS = 4000;

export function createNotifyController(deps: {
  payService: PayService;
  strategy: Pick<PayStrategy, 'acknowledgement'>;
  clock: Clock;
}): NotifyController {
  return {
    acknowledgement: (raw) => deps.strategy.acknowledgement(raw),
    receive: (input) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new StoreError('STORE_UNAVAILABLE', { detail: 'deadline' }));
        }, NOTIFY_DEADLINE_MS);
        const deadline = deps.clock.now() + NOTIFY_DEADLINE_MS;
        deps.payService
          .notify({ deadline, ...input })
          .finally(() => {
            clearTimeout(timer);
          })
          .then(resolve, reject);
      }),
  };
}
