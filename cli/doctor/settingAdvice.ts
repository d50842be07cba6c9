/** Settings that are valid but perhaps not what was meant. */
import { SETTINGS } from '../../config/schema';
import { placeOf } from '../../config/hosts';
import type { Config } from '../../config/types';
import type { Env } from '../io';
import { found, type Finding } from './findings';

const ENVIRONMENT_BYTES_MAX = 4096;
const OFFICIAL = /^https:\/\/api2?\.mch\.weixin\.qq\.com$/;
const CALLBACK_PATHS = {
  notifyURLPayURL: /\/(wechatpay\/order|wx-pay\/unifiedOrderTrigger)$/,
  notifyURLRefundsURL: /\/(wechatpay\/refund|wx-pay\/refundTrigger)$/,
  transferNotifyUrl: /\/(wechatpay\/transfer|wx-pay\/transferTrigger)$/,
} as const;

type NotifyName = keyof typeof CALLBACK_PATHS;
const NOTIFY_NAMES = Object.keys(CALLBACK_PATHS) as NotifyName[];

export function adviseOnSettings(config: Config, env: Env): Finding[] {
  return [
    ...operators(config),
    ...prices(config),
    ...sweeping(config),
    ...payers(config),
    ...bearer(config),
    ...verification(config),
    ...NOTIFY_NAMES.flatMap((name) => notifyPath(config, name)),
    ...size(env),
    ...host(config),
  ];
}

function operators(config: Config): Finding[] {
  const some = config.operatorKeys.length + config.operatorOpenids.length > 0;
  return [found(some ? 'operators.set' : 'operators.none')];
}

const prices = (config: Config): Finding[] =>
  config.requirePreparedOrders ? [] : [found('prices.client')];

function sweeping(config: Config): Finding[] {
  if (config.sweepSeconds > 0) return [];
  return [found(config.scf ? 'sweep.no_timer' : 'sweep.off')];
}

const payers = (config: Config): Finding[] =>
  config.trustWxHeaders || config.cloudbaseEnv !== undefined ? [] : [found('payers.none')];

/** More a question than a fault: only the platform knows whether it sends a token of its own. */
const bearer = (config: Config): Finding[] =>
  !config.scf || config.present['foreignBearer'] === true ? [] : [found('bearer.undecided')];

function verification({ credentials: { v3 } }: Config): Finding[] {
  return v3 === undefined || v3.wxPayPublicKey !== undefined ? [] : [found('certificates.used')];
}

function notifyPath(config: Config, name: NotifyName): Finding[] {
  const url = config[name];
  if (url === undefined) return [];
  const { pathname } = new URL(url);
  if (pathname === '/' || CALLBACK_PATHS[name].test(pathname)) return [];
  const other = NOTIFY_NAMES.find((one) => one !== name && CALLBACK_PATHS[one].test(pathname));
  return [
    other === undefined
      ? found('path', { setting: name, params: { path: pathname } })
      : found('swapped', { setting: name, params: { other } }),
  ];
}

function size(env: Env): Finding[] {
  const bytes = SETTINGS.reduce((sum, { name }) => {
    const value = env[name];
    return sum + (value === undefined ? 0 : Buffer.byteLength(name) + Buffer.byteLength(value));
  }, 0);
  return bytes <= ENVIRONMENT_BYTES_MAX ? [] : [found('settings.size', { params: { bytes } })];
}

function host(config: Config): Finding[] {
  const url = config.wxPayBaseUrl;
  if (OFFICIAL.test(url)) return [];
  const simulated = !config.scf && placeOf(new URL(url).hostname) === 'loopback';
  return [found(simulated ? 'host.simulator' : 'host.unofficial', { params: { url } })];
}
