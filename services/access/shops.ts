/**
 * For which shop, and in which app, a caller orders. A merchant of its own has no shops; a service provider (服务商)
 * has those of its list. An openid means somebody only in its app, so an app of one shop orders for that shop alone.
 */
import type { Caller } from './caller';
import type { Config, SubMerchant } from '../../config/types';
import { AuthError, ValidationError } from '../../utils/errors';

/** What a request says of it. */
export interface ShopAsk {
  readonly sub_mchid?: string | undefined;
  readonly useServiceAccount?: boolean | undefined;
}

export interface Place {
  readonly sub_mchid: string | undefined;
  /** Of the app in which the payment opens. */
  readonly appid: string;
}

/** An order that was prepared. */
interface Prepared {
  readonly payer?: string;
  readonly appid: string;
  readonly sub_mchid?: string;
}

export interface Shops {
  /** Apps that a caller may come from. */
  readonly appids: readonly string[];
  /** Apps whose openids a caller may have who comes from this app, or from an unknown one. */
  appsOf(appid: string | undefined): readonly string[] | undefined;
  /** What is said must be allowed; what is left out is not asked for. @throws as `placeOf`. */
  check(ask: ShopAsk, caller: Caller): void;
  /** The one shop that he may or wants to look at; undefined: at all of them. @throws as `placeOf`. */
  viewOf(sub_mchid: string | undefined, caller: Caller): string | undefined;
  /** @throws ValidationError PARAM_INVALID · AuthError FORBIDDEN: the shop is not his to order for. */
  placeOf(ask: ShopAsk, caller: Caller): Place;
  /** Whether he may be the payer of an order that is bound to nobody yet. */
  mayOpen(prepared: Prepared, caller: Caller): boolean;
  /** The app in which a prepared order opens. */
  appidOf(prepared: Prepared, ask: ShopAsk, caller: Caller): string;
}

interface OwnApps {
  readonly appId: string;
  readonly serviceAppId: string | undefined;
}

export const createShops = ({ credentials, subMerchants }: Config): Shops =>
  subMerchants.length === 0 ? noShops(credentials) : shopsOf(credentials, subMerchants);

function noShops(own: OwnApps): Shops {
  const placeOf = ({ sub_mchid, useServiceAccount }: ShopAsk): Place => {
    if (sub_mchid !== undefined) {
      throw invalid('sub_mchid: 仅服务商模式可用 / needs subMerchants to be set');
    }
    return { sub_mchid, appid: ownAppid(own, useServiceAccount) };
  };
  return {
    appids: idsOf(own),
    appsOf: () => undefined,
    check: placeOf,
    viewOf: (sub_mchid) => placeOf({ sub_mchid }).sub_mchid,
    placeOf,
    mayOpen: () => true,
    appidOf: (prepared, ask) =>
      ask.useServiceAccount === undefined ? prepared.appid : placeOf(ask).appid,
  };
}

function shopsOf(own: OwnApps, shops: readonly SubMerchant[]): Shops {
  const ownIds = idsOf(own);
  const subIds = shops.flatMap(({ sub_appid }) => sub_appid ?? []);
  /** The shop's app that he comes from; undefined: one of the provider's. */
  const appOf = ({ apps = [] }: Caller): string | undefined =>
    apps.find((appid) => subIds.includes(appid));
  const only = shops.length === 1 ? shops[0]?.sub_mchid : undefined;

  function shopOf(sub_mchid: string, caller: Caller): SubMerchant {
    const shop = shops.find((one) => one.sub_mchid === sub_mchid);
    if (shop === undefined) throw invalid('sub_mchid: 不在 subMerchants 中 / not on subMerchants');
    const app = appOf(caller);
    const foreign = app !== undefined && shop.sub_appid !== app;
    if (foreign || (boundTo(caller) ?? sub_mchid) !== sub_mchid) {
      throw new AuthError('FORBIDDEN', { detail: 'sub_mchid' });
    }
    return shop;
  }

  function appidIn(caller: Caller, useServiceAccount: boolean | undefined): string {
    const app = appOf(caller);
    if (app === undefined) return ownAppid(own, useServiceAccount);
    if (useServiceAccount !== true) return app;
    throw invalid('useServiceAccount: 仅限服务商自己的应用 / only in an app of the provider');
  }

  function check({ sub_mchid, useServiceAccount }: ShopAsk, caller: Caller): void {
    if (sub_mchid !== undefined) shopOf(sub_mchid, caller);
    appidIn(caller, useServiceAccount);
  }

  function mayOpen({ sub_mchid }: Prepared, caller: Caller): boolean {
    const app = appOf(caller);
    if (app === undefined) return true;
    return shops.some((shop) => shop.sub_mchid === sub_mchid && shop.sub_appid === app);
  }

  return {
    appids: [...ownIds, ...subIds],
    appsOf: (appid) => (appid !== undefined && subIds.includes(appid) ? [appid] : ownIds),
    check,
    viewOf(named, caller) {
      const sub_mchid = named ?? boundTo(caller);
      return sub_mchid === undefined ? undefined : shopOf(sub_mchid, caller).sub_mchid;
    },
    placeOf(ask, caller) {
      const sub_mchid = ask.sub_mchid ?? boundTo(caller) ?? only;
      if (sub_mchid === undefined) throw invalid('sub_mchid: 必填 / is required');
      shopOf(sub_mchid, caller);
      return { sub_mchid, appid: appidIn(caller, ask.useServiceAccount) };
    },
    mayOpen,
    appidOf(prepared, ask, caller) {
      // A payer is named together with the app of the openid.
      if (prepared.payer !== undefined) return prepared.appid;
      if (!mayOpen(prepared, caller)) throw new AuthError('FORBIDDEN', { detail: 'sub_mchid' });
      const stays = appOf(caller) === undefined && ask.useServiceAccount === undefined;
      return stays && ownIds.includes(prepared.appid)
        ? prepared.appid
        : appidIn(caller, ask.useServiceAccount);
    },
  };
}

/** The one shop that an operator's key is bound to. */
const boundTo = (caller: Caller): string | undefined =>
  caller.role === 'operator' ? caller.sub_mchid : undefined;

const idsOf = ({ appId, serviceAppId }: OwnApps): readonly string[] =>
  serviceAppId === undefined ? [appId] : [appId, serviceAppId];

function ownAppid(own: OwnApps, useServiceAccount: boolean | undefined): string {
  if (useServiceAccount !== true) return own.appId;
  if (own.serviceAppId === undefined) {
    throw invalid('useServiceAccount: 未设置 service_app_id / service_app_id is not set');
  }
  return own.serviceAppId;
}

const invalid = (detail: string): ValidationError =>
  new ValidationError('PARAM_INVALID', { detail });
