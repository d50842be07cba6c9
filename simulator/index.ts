import type { AddressInfo } from 'node:net';
import { billsOf } from './bills';
import { combinationOf, payCombination } from './combine';
import { SimulatorError } from './errors';
import { makeForward, makeNotification } from './notifications';
import { findOrder, payOrder, transactionOf } from './orders';
import { refundOf, settleRefund } from './refunds';
import { ApiServer } from './server';
import { confirmTransfer, failTransfer, transferOf } from './transfers';
import type {
  CallbackMode,
  GatewayOptions,
  Credentials,
  PayOptions,
  Plain,
  Simulator,
  SimulatorOptions,
} from './types';
import { paymentFields, paymentNotice, refundNotice } from './v2/notices';
import { merchantP12 } from './v2/p12';
import { noticeFields } from './v2/refunds';
import { Platform, World } from './world';

export type * from './types';
export type { Switches } from './switches';
export { defaultSwitches } from './switches';
export { ApiError, SimulatorError } from './errors';
export { PAYMENT_SCHEDULE, TRANSFER_SCHEDULE } from './notifier';

const NOTIFY_ORIGIN = 'https://pay.example.com';

function credentialsOf(world: World): Credentials {
  const { keys } = world;
  return {
    merchantId: world.mchid,
    appId: world.appid,
    service_app_id: world.serviceAppid,
    apiV3Key: keys.apiV3Key,
    apiKeyV2: keys.apiKeyV2,
    merchantSerialNumber: keys.merchantSerial,
    privateKey: keys.merchant.privatePem,
    merchantPublicKey: keys.merchant.publicPem,
    wxPayPublicKey: keys.publicKeyPem,
    wxPayPublicKeyId: keys.publicKeyId,
    platformCertificates: keys.certificates.map(({ id, pem }) => ({ serial: id, pem })),
  };
}

/** Environment variables that connect the service to this simulator. */
function envOf(world: World, extra: Record<string, string>): Record<string, string> {
  const c = credentialsOf(world);
  const publicKey = {
    wxPayPublicKey: c.wxPayPublicKey,
    wxPayPublicKeyId: c.wxPayPublicKeyId,
  };
  return {
    signMode: 'sdk',
    appId: c.appId,
    service_app_id: c.service_app_id,
    merchantId: c.merchantId,
    apiV3Key: c.apiV3Key,
    merchantSerialNumber: c.merchantSerialNumber,
    privateKey: c.privateKey,
    ...(world.scheme === 'certificate' ? {} : publicKey),
    ...subMerchantsOf(world),
    notifyURLPayURL: `${NOTIFY_ORIGIN}/wechatpay/order`,
    notifyURLRefundsURL: `${NOTIFY_ORIGIN}/wechatpay/refund`,
    transferNotifyUrl: `${NOTIFY_ORIGIN}/wechatpay/transfer`,
    wxPayBaseUrl: world.url,
    ...extra,
  };
}

function subMerchantsOf({ shops }: World): { subMerchants?: string } {
  const items = [...shops.values()].map(({ sub_mchid, sub_appid }) =>
    sub_appid === undefined ? sub_mchid : `${sub_mchid}:${sub_appid}`,
  );
  return items.length === 0 ? {} : { subMerchants: items.join(',') };
}

/** Environment variables for the same merchant over API v2. */
function envV2Of(world: World, extra: Record<string, string>): Record<string, string> {
  const c = credentialsOf(world);
  return {
    signMode: 'v2',
    appId: c.appId,
    service_app_id: c.service_app_id,
    merchantId: c.merchantId,
    apiKeyV2: c.apiKeyV2,
    clientCertificate: merchantP12(world),
    notifyURLPayURL: `${NOTIFY_ORIGIN}/wechatpay/order`,
    notifyURLRefundsURL: `${NOTIFY_ORIGIN}/wechatpay/refund`,
    wxPayBaseUrl: world.url,
    ...extra,
  };
}

function need<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new SimulatorError(`unknown ${what}`);
  return found;
}

/** The phone pays what the number stands for; a part of a combination cannot be paid alone. */
function pay(world: World, no: string, o: PayOptions): Plain {
  const combination = world.combinations.get(no);
  if (combination !== undefined) return payCombination(world, combination, o);
  const order = need(findOrder(world, no), `order ${no}`);
  if (order.combine_out_trade_no !== undefined) {
    throw new SimulatorError(`${no} is part of ${order.combine_out_trade_no}: pay that`);
  }
  return payOrder(world, order, o);
}

/** What can be asked and done besides the HTTP surface. */
function facade(
  world: World,
  o: { readonly merchant: (mchid: string) => Simulator; readonly close: () => Promise<void> },
): Simulator {
  const { notifier, platform } = world;
  const simulator: Omit<Simulator, 'callbackTarget' | 'mode' | 'gateway' | 'autoDeliver'> = {
    url: world.url,
    get credentials() {
      return credentialsOf(world);
    },
    clock: world.clock,
    switches: world.switches,
    faults: platform.faults,
    callbackFaults: platform.callbackFaults,
    requests: platform.requests,
    callbacks: notifier.sent,
    env: (extra = {}) => envOf(world, extra),
    envV2: (extra = {}) => envV2Of(world, extra),
    makeXmlPayment: (no, o) =>
      paymentNotice(world, paymentFields(need(findOrder(world, no), `order ${no}`)), o),
    makeXmlRefund: (no, { inner = {}, over } = {}) => {
      const told = noticeFields(need(world.refunds.get(no), `refund ${no}`));
      return refundNotice(world, { ...told, ...inner }, over);
    },
    pay: (no, o = {}) => pay(world, no, o),
    order: (no) => {
      const order = findOrder(world, no);
      return order && transactionOf(world, order);
    },
    refund: (no) => {
      const refund = world.refunds.get(no);
      return refund && refundOf(refund);
    },
    transfer: (no) => {
      const transfer = world.transfers.get(no);
      return transfer && transferOf(world, transfer);
    },
    combination: (no) => {
      const combination = world.combinations.get(no);
      return combination && combinationOf(combination);
    },
    orders: () => [...world.orders.values()].map((order) => transactionOf(world, order)),
    refunds: () => [...world.refunds.values()].map(refundOf),
    transfers: () => [...world.transfers.values()].map((one) => transferOf(world, one)),
    settleRefund: (no, status, o) =>
      settleRefund(world, need(world.refunds.get(no), `refund ${no}`), status, o),
    confirmTransfer: (no) =>
      confirmTransfer(world, need(world.transfers.get(no), `transfer ${no}`)),
    failTransfer: (no, reason) =>
      failTransfer(world, need(world.transfers.get(no), `transfer ${no}`), reason),
    deliver: (kind, no, o) => notifier.deliver(kind, no, o),
    makeNotification: (kind, plain, o) => makeNotification(world, kind, plain, o),
    makeForward: (kind, plain, o) => makeForward(world, kind, plain, o),
    registerOpenid: (openid, appid) => void world.openids.set(openid, appid),
    rotateCertificate: (o = {}) => {
      const { id, pem } = world.keys.rotate(world.now(), o.signWith ?? 'new');
      return { serial: id, pem };
    },
    bill: (date) => billsOf(world, date),
    ...o,
  };
  return Object.defineProperties(simulator, {
    callbackTarget: {
      get: () => notifier.target,
      set: (value: string | undefined) => (notifier.target = value),
    },
    mode: { get: () => notifier.mode, set: (value: CallbackMode) => (notifier.mode = value) },
    gateway: {
      get: () => notifier.gateway,
      set: (value: GatewayOptions) => (notifier.gateway = value),
    },
    autoDeliver: {
      get: () => notifier.autoDeliver,
      set: (value: boolean) => (notifier.autoDeliver = value),
    },
  }) as Simulator;
}

/** Starts WeChat Pay, Integration Center, and the payer's phone on a local port. */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const platform = new Platform(options);
  const worlds = worldsOf(platform);
  const api = new ApiServer(platform, worlds);
  await new Promise<void>((resolve, reject) => {
    api.server.once('error', reject);
    api.server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = api.server.address() as AddressInfo;
  platform.url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    platform.clock.close();
    for (const world of worlds.values()) world.notifier.close();
    api.server.closeAllConnections();
    await new Promise<void>((resolve) => {
      api.server.close(() => {
        resolve();
      });
    });
  };
  const merchant = (mchid: string): Simulator => need(simulators.get(mchid), `merchant ${mchid}`);
  const simulators = new Map(
    [...worlds].map(([mchid, world]) => [mchid, facade(world, { merchant, close })]),
  );
  const [simulator] = simulators.values();
  api.simulator = simulator;
  return simulator as Simulator;
}

/** The merchant of the options first. */
function worldsOf(platform: Platform): ReadonlyMap<string, World> {
  const own = new World(platform);
  const worlds = new Map([[own.mchid, own]]);
  for (const merchant of platform.options.merchants ?? []) {
    if (worlds.has(merchant.mchid)) throw new SimulatorError(`${merchant.mchid} is given twice`);
    worlds.set(merchant.mchid, new World(platform, merchant));
  }
  return worlds;
}
