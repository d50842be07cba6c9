/**
 * Asks about a number of which we hold no record. A service provider's may be of any of its shops, and WeChat wants
 * to be told which: then each is asked in turn, until one has it.
 */
import type { AccountRef } from './dialect';
import { isUnknown } from './wechatErrors';
import type { WechatReply } from '../strategies/strategy';
import { invariant } from '../../utils/invariant';

export async function askAccounts<A extends AccountRef>(
  accounts: readonly A[],
  ask: (account: A) => Promise<WechatReply>,
  /** Before each question but the first: it costs as much as a question of its own. */
  again: () => void = () => undefined,
): Promise<WechatReply> {
  let reply: WechatReply | undefined;
  for (const account of accounts) {
    if (reply !== undefined) again();
    reply = await ask(account);
    if (!isUnknown(reply)) return reply;
  }
  invariant(reply !== undefined, 'there is an account to ask about');
  return reply;
}
