/**
 * The catalogue: every code of the doctor, in Chinese and in English. Codes of the doctor's own stand in the
 * tables here; what is wrong with a setting is said in `config/faultWords.ts`, and its remedy here.
 */
import { faultWords, type FaultCode } from '../../../config/faultWords';
import type { Finding } from '../findings';
import { RECORDS } from './records';
import { remedyOf } from './remedies';
import type { Row, Words } from './row';
import { SETUP } from './setup';
import { V2 } from './v2';
import { WECHAT } from './wechat';

export const CATALOGUE = { ...SETUP, ...V2, ...RECORDS, ...WECHAT };

export type OwnCode = keyof typeof CATALOGUE;

export const isOwn = (code: OwnCode | FaultCode): code is OwnCode => Object.hasOwn(CATALOGUE, code);

export interface Said extends Pick<Row, 'faq'> {
  readonly says: Words;
  readonly fix?: Words;
}

/** A parameter that is not given stays visible: a test then fails. */
const fill = (text: string, params: NonNullable<Finding['params']>): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => params[key] ?? whole);

/** What a finding says, in both languages. */
export function sentences({ code, setting = '', params = {} }: Finding): Said {
  if (isOwn(code)) {
    const { says, fix, faq }: Row = CATALOGUE[code];
    const filled = ([zh, en]: Words): Words => {
      const all = { setting, ...params };
      return [fill(zh, all), fill(en, all)];
    };
    return {
      says: filled(says),
      ...(fix === undefined ? {} : { fix: filled(fix) }),
      ...(faq === undefined ? {} : { faq }),
    };
  }
  const [zh, en] = faultWords({ name: setting, code, params });
  return { says: [`${setting}：${zh}`, `${setting}: ${en}`], ...remedyOf(code, setting) };
}
