/** Words for what the service records and answers. */
import { words, type Json, type RecordKind, type Shown, type Words } from './types';

export const yuan = (fen: number): string => (fen / 100).toFixed(2);

const OPENID = /o[A-Za-z0-9_-]{27}/g;
const OPENID_SHOWN = 6;

/** Whatever is shown anywhere passes through here: an openid keeps its first characters only. */
export const masked = (text: string): string =>
  text.replace(OPENID, (openid) => `${openid.slice(0, OPENID_SHOWN)}…`);

export const asJson = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(asJson) : []);

export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** Follows names into nested objects: `dig(reply, 'data', 'data', 'prepay_id')`. */
export function dig(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>((inner, name) => asJson(inner)[name], value);
}

const SOURCE: Readonly<Record<string, string>> = {
  payer: '用户',
  operator: '商家',
  reply: '微信应答',
  callback: '回调',
  query: '查询',
  sweep: '巡检',
  system: '系统',
};

const PROOF: Readonly<Record<string, Words>> = {
  signature: words('验签', 'signature'),
  decryption: words('解密', 'decryption'),
};

export function changeOf(entry: Shown['history'][number]): Words {
  const proof = PROOF[entry.proof];
  const zhSource = SOURCE[entry.source] ?? entry.source;
  return words(
    `${entry.what.zh}（${zhSource}${proof === undefined ? '' : `·${proof.zh}`}）`,
    `${entry.what.en} (${entry.source}${proof === undefined ? '' : `, ${proof.en}`})`,
  );
}

const totalOf = (kind: RecordKind, view: Json): number =>
  numberOf(kind === 'order' ? dig(view, 'amount', 'total') : view['transfer_amount']);

/** The operator's view, cut down to what a page without a key may show. */
export function shownOf(kind: RecordKind, view: Json): Shown {
  return {
    kind,
    no: textOf(view['no']),
    state: textOf(view['state']),
    version: numberOf(view['version']),
    payer: masked(textOf(view['payer'])),
    totalFen: totalOf(kind, view),
    paidProof: textOf(dig(view['payment'], 'proof')),
    dueAt: typeof view['due_at'] === 'string' ? view['due_at'] : null,
    refunds: list(view['refunds']).map((refund) => ({
      no: textOf(refund['out_refund_no']),
      fen: numberOf(refund['refund']),
      status: textOf(refund['status']),
    })),
    history: list(view['history']).map((entry) => ({
      at: textOf(entry['at']),
      what: words(textOf(entry['what_zh']), textOf(entry['what_en'])),
      source: textOf(entry['source']),
      proof: textOf(entry['proof']),
      detail: masked(textOf(entry['detail'])),
    })),
    effects: list(view['effects']).map((effect) => ({
      type: textOf(effect['type']),
      state: textOf(effect['state']),
      tries: numberOf(effect['tries']),
    })),
  };
}

/** An answer in a few words: success, or the code of the refusal. */
export function answerWords(status: number, body: unknown): Words {
  const error = textOf(dig(body, 'error')) || textOf(dig(body, 'code'));
  if (status >= 400) return words('拒绝', 'refused', error);
  const inner = asJson(dig(body, 'data', 'data'));
  const state = ['trade_state', 'status', 'state'].map((name) => textOf(inner[name])).find(Boolean);
  if (state !== undefined) return words('成功', 'success', state);
  if (inner['paySign'] !== undefined) return words('成功，返回支付参数', 'payment parameters');
  return words('成功', 'success');
}
