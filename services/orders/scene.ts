/** Where the payer sits: `scene_info` of an order or a combination as WeChat gets it. */
import type { Caller } from '../access/caller';
import { isPublicAddress } from '../../utils/addresses';
import { ValidationError } from '../../utils/errors';
import type { Json } from '../../utils/json';

/**
 * The scene as sent, with the payer's address where he left it out and a trusted proxy says it. What is filled
 * in is no fact of the caller's: on a phone it changes between two repeats of one order.
 *
 * @throws ValidationError PARAM_INVALID: no address, or for H5 one that WeChat's cashier cannot compare.
 */
export function completeScene(
  scene: Json | undefined,
  { caller, h5 }: { readonly caller: Caller; readonly h5: boolean },
): Json | undefined {
  if (scene === undefined) return undefined;
  const address = scene.payer_client_ip ?? (caller.role === 'payer' ? caller.address : undefined);
  if (typeof address !== 'string') throw invalid('必填 / is required');
  if (h5 && !isPublicAddress(address)) {
    throw invalid('应为公网 IP 地址 / must be a public IP address');
  }
  return { payer_client_ip: address, ...scene };
}

const invalid = (why: string): ValidationError =>
  new ValidationError('PARAM_INVALID', { detail: `scene_info.payer_client_ip ${why}` });
