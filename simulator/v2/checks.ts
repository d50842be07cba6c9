import { checkAppid } from '../common';
import { ApiError } from '../errors';
import type { World } from '../world';
import { sign, type SignType } from './sign';
import type { Fields } from './xml';

/** Refused before anything else is looked at: nothing of such an answer is signed. */
export class Unreadable extends Error {}

/** WeChat's own error, in an answer that is signed. */
export class BusinessError extends Error {
  constructor(
    readonly code: string,
    readonly description: string,
  ) {
    super(code);
  }
}

export interface V2Request {
  readonly fields: Fields;
  readonly type: SignType;
}

export interface Rule {
  /** UTF-8 bytes. */
  readonly max: number;
  readonly required?: true;
  readonly pattern?: RegExp;
}

export const R = { required: true } as const;
const FEN = /^[1-9]\d{0,9}$/;
export const OUT_TRADE_NO: Rule = { max: 32, ...R, pattern: /^[0-9A-Za-z_\-|*@]+$/ };
export const MONEY: Rule = { max: 10, ...R, pattern: FEN };

const COMMON: Readonly<Record<string, Rule>> = {
  appid: { max: 32, ...R },
  mch_id: { max: 32, ...R },
  nonce_str: { max: 32, ...R },
  sign: { max: 64, ...R },
  sign_type: { max: 32, pattern: /^(MD5|HMAC-SHA256)$/ },
};

/** @throws Unreadable for a sender that is not proven. */
export function prove(world: World, fields: Fields | undefined): V2Request {
  if (fields === undefined) throw new Unreadable('XML格式错误');
  const named = fields.sign_type ?? 'MD5';
  if (named !== 'MD5' && named !== 'HMAC-SHA256') throw new Unreadable('签名类型错误');
  const type: SignType = named;
  if (fields.mch_id !== world.mchid) throw new Unreadable('商户号mch_id与appid不匹配');
  if (fields.sign === undefined || fields.sign === '') throw new Unreadable('缺少参数');
  if (fields.sign !== sign(fields, world.keys.apiKeyV2, type)) {
    throw new Unreadable('签名错误，请检查后再试');
  }
  return { fields, type };
}

/** @throws Unreadable: WeChat counts bytes, and says which field is too long. */
export function check(
  world: World,
  { fields }: V2Request,
  rules: Readonly<Record<string, Rule>>,
): void {
  for (const [name, rule] of Object.entries({ ...COMMON, ...rules })) {
    const value = fields[name] ?? '';
    if (value === '') {
      if (rule.required) throw new Unreadable(`缺少参数${name}`);
      continue;
    }
    if (Buffer.byteLength(value) > rule.max) throw new Unreadable(`${name}参数长度有误`);
    if (rule.pattern !== undefined && !rule.pattern.test(value)) {
      throw new Unreadable(`${name}参数格式错误`);
    }
  }
  try {
    checkAppid(world, fields.appid);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new BusinessError('APPID_MCHID_NOT_MATCH', 'appid和mch_id不匹配');
  }
}
