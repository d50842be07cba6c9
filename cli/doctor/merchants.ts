/** The further merchants of `merchantsFile`: what is wrong with each, and which of them the other checks look at. */
import { readMerchantsFile, type MerchantReading } from '../../config/merchantsFile';
import type { Config } from '../../config/types';
import { UsageError } from '../io';
import { found, type Finding } from './findings';
import { findingOf } from './settings';

/**
 * @param key  The merchant that was asked for; undefined = the environment's own.
 * @returns `config` undefined where that merchant's settings are refused.
 */
export function checkMerchants(
  own: Config,
  { key, cwd }: { readonly key: string | undefined; readonly cwd: string },
): {
  readonly config: Config | undefined;
  /** Merchant ids of all that are set up, whole or not. */
  readonly mchids: ReadonlySet<string>;
  readonly findings: readonly Finding[];
} {
  const file = readMerchantsFile(own, cwd);
  const refused = file.fault === undefined ? [] : [findingOf(file.fault, 'fault')];
  const findings = [...refused, ...file.entries.flatMap(findingsOf)];
  const { merchantId } = own.credentials;
  const mchids = new Set([merchantId, ...file.entries.flatMap(({ mchid }) => mchid ?? [])]);
  if (key === undefined) return { config: own, mchids, findings };
  const entry = file.entries.find((one) => one.key === key);
  if (entry === undefined && refused.length === 0) {
    throw new UsageError(`没有此商户 no such merchant: ${key}`);
  }
  return { config: entry?.config, mchids, findings };
}

function findingsOf({ place, key, config, faults, warnings }: MerchantReading): Finding[] {
  const wrong = [
    ...faults.map((one) => findingOf(one, 'fault')),
    ...warnings.map((one) => findingOf(one, 'warn')),
  ];
  if (config === undefined || key === undefined) return wrong;
  const { credentials, signMode, basePath } = config;
  const merchant = `${key} (${credentials.merchantId})`;
  return [
    ...wrong,
    found('complete', { setting: place, params: { merchant } }),
    // From here nobody can see where Integration Center forwards to.
    ...(signMode === 'gateway'
      ? [found('forward', { setting: place, params: { path: `${basePath}/m/${key}/` } })]
      : []),
  ];
}
