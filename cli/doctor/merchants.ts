/** The further merchants of `merchantsFile`: what is wrong with each, and which of them the other checks look at. */
import { readMerchantsFile, type MerchantReading } from '../../config/merchantsFile';
import type { Config } from '../../config/types';
import { UsageError } from '../io';
import { fault, ok, warn, type Finding } from './findings';
import { findingOf } from './settings';

/**
 * @param key  The merchant that was asked for; undefined = the environment's own.
 * @returns `config` undefined where that merchant's settings are refused.
 */
export function checkMerchants(
  own: Config,
  { key, cwd }: { readonly key: string | undefined; readonly cwd: string },
): { readonly config: Config | undefined; readonly findings: readonly Finding[] } {
  const file = readMerchantsFile(own, cwd);
  const refused = file.fault === undefined ? [] : [findingOf(file.fault, fault)];
  const findings = [...refused, ...file.entries.flatMap(findingsOf)];
  if (key === undefined) return { config: own, findings };
  const entry = file.entries.find((one) => one.key === key);
  if (entry === undefined && refused.length === 0) {
    throw new UsageError(`没有此商户 no such merchant: ${key}`);
  }
  return { config: entry?.config, findings };
}

function findingsOf({ place, key, config, faults, warnings }: MerchantReading): Finding[] {
  const found = [
    ...faults.map((one) => findingOf(one, fault)),
    ...warnings.map((one) => findingOf(one, warn)),
  ];
  if (config === undefined || key === undefined) return found;
  const { credentials, signMode, basePath } = config;
  const name = `${key} (${credentials.merchantId})`;
  found.push(ok(`${place}.complete`, [`商户 ${name} 设置齐全`, `merchant ${name} is complete`]));
  if (signMode === 'gateway') found.push(gatewayAdvice(place, `${basePath}/m/${key}/`));
  return found;
}

/** Nothing here can see where Integration Center forwards to. */
const gatewayAdvice = (place: string, path: string): Finding =>
  warn(
    `${place}.forward`,
    [
      `signMode=gateway：该商户的集成中心须转发到 ${path}`,
      `signMode=gateway: this merchant's Integration Center must forward to ${path}`,
    ],
    {
      fix: [
        `在该商户的集成中心将回调函数的路径设为 ${path}；或改用 signMode=sdk，由微信支付直接回调`,
        `set ${path} as the path of the function there, or use signMode=sdk and let WeChat Pay call`,
      ],
    },
  );
