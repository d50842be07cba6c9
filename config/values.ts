/** Reads the environment by the schema: what is absent, and what each present value means by its type. */
import type { ConfigFault, FaultCode } from './faultWords';
import { editDistance, cleanValue, suspicionOf } from './cleanValue';
import { findSetting, PLATFORM_VARIABLES, SETTINGS, settingOf, type SettingName } from './schema';

export type Env = Readonly<Record<string, string | undefined>>;

/** What forms and templates leave behind where nobody wrote anything. */
const BLANK = /^(|undefined|null|\{\{\s*env\.\w+\s*\}\})$/;

export function isBlank(value: string | undefined): boolean {
  return value === undefined || BLANK.test(cleanValue(value));
}

/** Collects every fault instead of stopping at the first: a person corrects a form once, not ten times. */
export class Values {
  readonly missing: ConfigFault[] = [];
  readonly invalid: ConfigFault[] = [];
  readonly warnings: ConfigFault[] = [];
  private readonly rejected = new Set<string>();

  constructor(private readonly env: Env) {}

  given(name: SettingName): string | undefined {
    const value = this.env[name];
    return value === undefined || isBlank(value) ? undefined : cleanValue(value);
  }

  /** A fact of the platform, not a setting. */
  platform(name: string): string | undefined {
    const value = this.env[name];
    return value === undefined || isBlank(value) ? undefined : cleanValue(value);
  }

  text(name: SettingName): string | undefined {
    return this.given(name) ?? settingOf(name).fallback;
  }

  need(name: SettingName): string | undefined {
    const value = this.given(name);
    if (value === undefined) this.lacks(name, 'missing', { setting: name });
    return value;
  }

  lacks(name: string, code: FaultCode, params: ConfigFault['params'] = {}): void {
    this.missing.push({ name, code, params });
  }

  reject(name: string, code: FaultCode, params: ConfigFault['params'] = {}): undefined {
    this.invalid.push({ name, code, params });
    this.rejected.add(name);
    return undefined;
  }

  warn(name: string, code: FaultCode, params: ConfigFault['params'] = {}): void {
    this.warnings.push({ name, code, params });
  }

  list(name: SettingName): readonly string[] {
    const items = (this.given(name) ?? '').split(',').map(cleanValue);
    return items.filter((item) => item !== '');
  }

  integer(name: SettingName, fallback = Number(settingOf(name).fallback)): number {
    const value = this.given(name);
    if (value === undefined) return fallback;
    const [min, max] = settingOf(name).range ?? [0, Number.MAX_SAFE_INTEGER];
    if (/^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max) {
      return Number(value);
    }
    this.reject(name, 'not_integer', { range: `${String(min)}–${String(max)}` });
    return fallback;
  }

  boolean(name: SettingName, fallback = settingOf(name).fallback === 'true'): boolean {
    const value = this.given(name)?.toLowerCase();
    if (value === 'true' || value === 'false') return value === 'true';
    if (value !== undefined) this.reject(name, 'not_boolean');
    return fallback;
  }

  /** The choices of the schema, narrowed by the caller to the ones it lists. */
  choice<T extends string>(name: SettingName, choices: readonly T[], fallback: T): T {
    const value = this.given(name);
    if (value === undefined) return fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    this.reject(name, 'not_choice', { choices: choices.join(', ') });
    return fallback;
  }

  present(): Readonly<Record<string, boolean>> {
    const entries = SETTINGS.map(({ name }) => [name, this.given(name) !== undefined] as const);
    return Object.freeze(Object.fromEntries(entries));
  }

  /**
   * `APPID`, `merchantID` and `requirePrepareOrders` are no settings. Without a warning the operator would search for
   * a long time, or would assume that a protection is on.
   */
  warnNearMisses(): void {
    for (const [written, value] of Object.entries(this.env)) {
      if (findSetting(written) !== undefined || PLATFORM.has(written) || isBlank(value)) continue;
      const meant = this.meantBy(written);
      if (meant !== undefined) this.warn(written, 'misspelt', { meant });
    }
  }

  /** The setting that is not given and was probably meant by this name. */
  meantBy(written: string): SettingName | undefined {
    const absent = SETTINGS.filter(({ name }) => this.given(name) === undefined);
    return absent.find(({ name }) => isNear(written, name))?.name;
  }

  /** Secrets and names consist of plain visible characters: any other was probably copied by accident. */
  warnSuspicious(): void {
    for (const { name, type } of SETTINGS) {
      if ((type !== 'text' && type !== 'list') || this.rejected.has(name)) continue;
      const odd = this.list(name)
        .map(suspicionOf)
        .find((one) => one !== undefined);
      if (odd !== undefined && name !== 'hooksModule') this.warn(name, `pasted_${odd}`);
    }
  }
}

const PLATFORM = new Set<string>(PLATFORM_VARIABLES);
/** Shorter names are too near to other programs' variables. */
const NEAR_CHARS_MIN = 5;
const LONG_CHARS_MIN = 8;

/** Apart from case and separators the same, or off by a letter; by two in a long name. */
function isNear(written: string, name: SettingName): boolean {
  const plain = (text: string): string => text.toLowerCase().replace(/[_-]/g, '');
  const [theirs, ours] = [plain(written), plain(name)];
  if (theirs === ours) return true;
  if (ours.length < NEAR_CHARS_MIN) return false;
  const max = ours.length < LONG_CHARS_MIN ? 1 : 2;
  return editDistance(theirs, ours, max) <= max;
}
