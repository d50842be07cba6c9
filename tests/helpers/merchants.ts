/** Three merchants at one simulated WeChat Pay: the environment's own, and two of a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Simulator, SimulatorOptions } from '../../simulator';
import { afterTest, OPERATOR_KEY, startSim, type Json } from './service';

export interface Shop {
  /** undefined = the environment's own. */
  readonly key: string | undefined;
  /** In front of every path. */
  readonly prefix: string;
  readonly mchid: string;
  readonly operatorKey: string;
  /** This merchant at the simulated WeChat Pay. */
  readonly sim: Simulator;
}

const shopOf = (key: string | undefined, sim: Simulator): Shop => ({
  key,
  prefix: key === undefined ? '' : `/m/${key}`,
  mchid: sim.credentials.merchantId,
  operatorKey: key === undefined ? OPERATOR_KEY : `operator-key-of-merchant-${key}-0123456789`,
  sim,
});

export async function startShops(options: SimulatorOptions = {}): Promise<[Shop, Shop, Shop]> {
  const merchants = [
    { mchid: '1900000002', appid: 'wx00000000000000b2' },
    { mchid: '1900000003', appid: 'wx00000000000000c3' },
  ];
  const sim = await startSim({ merchants, ...options });
  return [
    shopOf(undefined, sim),
    shopOf('shop-b', sim.merchant('1900000002')),
    shopOf('shop-c', sim.merchant('1900000003')),
  ];
}

const OF_ENVIRONMENT = /^(wxPayBaseUrl|notifyURLPayURL|notifyURLRefundsURL|transferNotifyUrl)$/;

/** The entry of a merchant, as it would stand in the file. */
export function entryOf({ key, sim, operatorKey }: Shop, more: Json = {}): Json {
  const given = Object.entries(sim.env()).filter(([name]) => !OF_ENVIRONMENT.test(name));
  return { key, ...Object.fromEntries(given), operatorKeys: [operatorKey], ...more };
}

/** Path of a file with these entries; it goes when the test ends. */
export function merchantsFile(entries: readonly unknown[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'merchants.json');
  writeFileSync(path, JSON.stringify(entries), { mode: 0o600 });
  return path;
}
