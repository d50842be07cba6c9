/**
 * Further merchants: a JSON file, because the 4,096 bytes of an SCF environment hold only one RSA key. An entry is a
 * `key` and the settings of one merchant, read by the same rules; a setting that it leaves out has its default, never
 * the value of the environment.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ConfigReading } from './config';
import { faultSentence, type ConfigFault, type FaultCode } from './faultWords';
import { isIntegrationUrl, readMerchant } from './merchant';
import { findSetting, type Setting } from './schema';
import type { Config } from './types';
import { Values } from './values';
import type { Json } from '../utils/json';

export interface MerchantReading extends ConfigReading {
  /** `merchantsFile[2]` */
  readonly place: string;
  /** undefined if it is missing or not a valid key: then no path leads to this merchant. */
  readonly key: string | undefined;
  readonly mchid: string | undefined;
  /** Every known setting: does the entry give it? Never the value. */
  readonly present: Readonly<Record<string, boolean>>;
}

export interface MerchantsReading {
  /** Why the whole file is refused. */
  readonly fault: ConfigFault | undefined;
  readonly entries: readonly MerchantReading[];
}

type Fields = Record<string, string>;
const FILE_BYTES_MAX = 1024 * 1024;
const CREDENTIAL_BYTES_MAX = 64 * 1024;
const ENTRIES_MAX = 100;
const OF_OTHERS = 0o077;
const MERCHANT_KEY = /^[a-z0-9-]{1,32}$/;
const FILE = 'File';
const NOTIFY_URLS = ['notifyURLPayURL', 'notifyURLRefundsURL', 'transferNotifyUrl'] as const;

/**
 * @param own  The environment's settings: its merchant comes first, and every entry shares its deployment.
 * @param cwd  Where the path begins if it is not absolute. Paths in the file begin beside the file.
 */
export function readMerchantsFile(own: Config, cwd = '.'): MerchantsReading {
  if (own.merchantsFile === undefined) return { fault: undefined, entries: [] };
  const path = resolve(cwd, own.merchantsFile);
  const items = itemsOf(path, own.scf);
  if (!Array.isArray(items)) return { fault: items, entries: [] };
  const entries = items.map((item, index) =>
    readEntry(item, { own, folder: dirname(path), place: `merchantsFile[${String(index)}]` }),
  );
  return { fault: undefined, entries: withoutTwins(entries, own.credentials.merchantId) };
}

function itemsOf(path: string, scf: boolean): unknown[] | ConfigFault {
  const refused = (code: FaultCode, params: ConfigFault['params'] = {}): ConfigFault => ({
    name: 'merchantsFile',
    code,
    params,
  });
  const file = readBounded(path, FILE_BYTES_MAX);
  if ('reason' in file) return refused('file_unreadable', file);
  if (isOpenToOthers(file.mode, scf)) return refused('file_open_to_others', { path });
  const items = parsed(file.text);
  if (!Array.isArray(items)) return refused('file_not_array');
  if (items.length > ENTRIES_MAX) return refused('too_many', { max: String(ENTRIES_MAX) });
  return items as unknown[];
}

/** A pipe would block, a large file would fill the memory: only files of a sensible size are opened. */
function readBounded(
  path: string,
  bytesMax: number,
): { readonly text: string; readonly mode: number } | { readonly reason: string } {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return { reason: 'no file' };
    if (stats.size > bytesMax) return { reason: `> ${String(bytesMax)} bytes` };
    return { text: textIn(readFileSync(path)), mode: stats.mode };
  } catch (error) {
    return { reason: (error as NodeJS.ErrnoException).code ?? 'error' };
  }
}

/** A certificate as it comes (DER, p12) stands for its base64, as it would be written in the environment. */
function textIn(bytes: Buffer): string {
  const isDer = bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;
  return isDer ? bytes.toString('base64') : bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** The platform's package has its own modes, and nobody else is on the instance. Windows has no such modes. */
const isOpenToOthers = (mode: number, scf: boolean): boolean =>
  !scf && process.platform !== 'win32' && (mode & OF_OTHERS) !== 0;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Entry {
  readonly own: Config;
  readonly folder: string;
  readonly place: string;
}

function readEntry(item: unknown, entry: Entry): MerchantReading {
  const { own, place } = entry;
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    const faults: ConfigFault[] = [{ name: place, code: 'not_object' }];
    const unknown = { key: undefined, mchid: undefined, config: undefined };
    const nothing = { ...unknown, present: new Values({}).present(), warnings: [] };
    return { place, ...nothing, faults, incomplete: false };
  }
  const { key: written, ...rest } = item as Record<string, unknown>;
  const key = typeof written === 'string' && MERCHANT_KEY.test(written) ? written : undefined;
  const { fields, faults: found, warnings } = fieldsOf(rest, entry);
  if (key === undefined) found.push({ name: 'key', code: 'merchant_key' });
  const derived = derivedUrls(fields, own, key ?? '');
  const values = new Values({ ...fields, ...derived });
  const settings = readMerchant(values);
  values.warnSuspicious();
  for (const [name, url] of Object.entries(derived)) {
    if (isIntegrationUrl(url)) values.warn(name, 'derived_from_integration');
  }
  const named = (fault: ConfigFault): ConfigFault => ({ ...fault, name: `${place}.${fault.name}` });
  // A setting whose file cannot be read, or whose value is not plain, is not reported as missing as well.
  const told = new Set(found.map(({ name }) => name.replace(/File$/, '')));
  const missing = values.missing.filter(({ name }) => !told.has(name));
  const reading = {
    faults: [...missing, ...found, ...values.invalid].map(named),
    warnings: [...warnings, ...values.warnings].map(named),
    incomplete: missing.length > 0,
  };
  const present = values.present();
  const sentences = Object.freeze(reading.warnings.map(faultSentence));
  const config =
    settings === undefined || reading.faults.length > 0
      ? undefined
      : Object.freeze({ ...own, ...settings, present, warnings: sentences });
  return { place, key, mchid: values.given('merchantId'), present, config, ...reading };
}

/** The entry as the environment would hold it, and what of it cannot stand there. */
function fieldsOf(
  item: Json,
  { own, folder }: Entry,
): { fields: Fields; faults: ConfigFault[]; warnings: ConfigFault[] } {
  const fields: Fields = {};
  const faults: ConfigFault[] = [];
  const warnings: ConfigFault[] = [];
  for (const [name, value] of Object.entries(item)) {
    const setting = findSetting(name) ?? settingInFile(name);
    const text = textOf(value, setting?.type === 'list');
    if (setting === undefined) faults.push(unknownField(name, item));
    else if (setting.deployment === true) faults.push({ name, code: 'of_deployment' });
    else if (text === undefined) faults.push({ name, code: 'not_plain' });
    else if (setting.name === name) fields[name] = text;
    else if (Object.hasOwn(item, setting.name)) {
      faults.push({ name, code: 'file_and_value', params: { other: setting.name } });
    } else {
      const path = resolve(folder, text);
      const file = readBounded(path, CREDENTIAL_BYTES_MAX);
      if ('reason' in file) {
        faults.push({ name, code: 'file_unreadable', params: file });
        continue;
      }
      fields[setting.name] = file.text;
      if (setting.secret === true && isOpenToOthers(file.mode, own.scf)) {
        warnings.push({ name, code: 'file_open_to_others', params: { path } });
      }
    }
  }
  return { fields, faults, warnings };
}

/** `privateKeyFile` names the file of `privateKey`: so does each credential. */
function settingInFile(name: string): Setting | undefined {
  if (!name.endsWith(FILE)) return undefined;
  const setting = findSetting(name.slice(0, -FILE.length));
  return setting?.type === 'pem' || setting?.secret === true ? setting : undefined;
}

function unknownField(name: string, item: Json): ConfigFault {
  const given = Object.fromEntries(Object.keys(item).map((one) => [one, 'given']));
  const meant = new Values(given).meantBy(name);
  return meant === undefined
    ? { name, code: 'unknown_field' }
    : { name, code: 'misspelt', params: { meant } };
}

/** undefined for what the environment could not hold. */
function textOf(value: unknown, isList: boolean): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!isList || !Array.isArray(value)) return undefined;
  const items = value.map((item) => textOf(item, false));
  return items.includes(undefined) ? undefined : items.join(',');
}

/** By default the URLs of the environment, with `/m/<key>` in front of the path. */
function derivedUrls(fields: Fields, own: Config, key: string): Fields {
  const derived: Fields = {};
  for (const name of NOTIFY_URLS) {
    const theirs = own[name];
    if (theirs !== undefined && new Values(fields).given(name) === undefined) {
      derived[name] = prefixed(theirs, own.basePath, key);
    }
  }
  return derived;
}

function prefixed(text: string, basePath: string, key: string): string {
  const url = new URL(text);
  const { pathname } = url;
  const within = basePath !== '' && pathname.startsWith(`${basePath}/`);
  const [base, rest] = within ? [basePath, pathname.slice(basePath.length)] : ['', pathname];
  url.pathname = `${base}/m/${key}${rest}`;
  return url.href;
}

/** Of entries with the same key or merchant id the first is served; the environment comes before all. */
function withoutTwins(
  entries: readonly MerchantReading[],
  ownMchid: string,
): readonly MerchantReading[] {
  const keys = new Map<string, string>();
  const mchids = new Map<string, string>();
  return entries.map((entry) => {
    const { place, key, mchid } = entry;
    const faults = [
      ...takenBy(keys, key, { name: `${place}.key`, code: 'merchant_key_taken' }),
      ...takenBy(mchids, mchid, { name: `${place}.merchantId`, code: 'mchid_taken' }),
    ];
    if (mchid === ownMchid) {
      faults.push({ name: `${place}.merchantId`, code: 'mchid_of_environment' });
    }
    if (key !== undefined && !keys.has(key)) keys.set(key, place);
    if (mchid !== undefined && mchid !== ownMchid && !mchids.has(mchid)) mchids.set(mchid, place);
    if (faults.length === 0) return entry;
    return { ...entry, config: undefined, faults: [...entry.faults, ...faults] };
  });
}

function takenBy(
  taken: ReadonlyMap<string, string>,
  value: string | undefined,
  fault: Pick<ConfigFault, 'name' | 'code'>,
): ConfigFault[] {
  const other = taken.get(value ?? '');
  return other === undefined ? [] : [{ ...fault, params: { other } }];
}
