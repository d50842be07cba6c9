import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { aesGcmEncrypt, oaepEncrypt } from './crypto';
import { ApiError, paramError } from './errors';
import type { Order } from './orders';
import type { Refund } from './refunds';
import { queryText, R, text } from './schema';
import { checkShop, isProvider, requireProvider, SUB_MCHID } from './shops';
import { beijingDate, beijingDayStart, billTime, DAY_MS, HOUR_MS, MINUTE_MS } from './time';
import type { Bills } from './types';
import type { ApiReply, ApiRequest, Route, World } from './world';

/** A file waiting to be fetched with its token. */
export interface BillFile {
  readonly plain: Buffer;
  readonly expiresMs: number;
}

type BillType = 'ALL' | 'SUCCESS' | 'REFUND';
type Row = readonly string[];

const TOKEN_LIFE_MS = 5 * MINUTE_MS;
const BILL_AGE_MAX_MS = 93 * DAY_MS;
const READY_MS = 9 * HOUR_MS;
const BOM = '\ufeff';
const END = '\r\n';

const HEAD14 =
  '交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,' +
  '交易状态,付款银行,货币种类,应结订单金额,代金券金额';
const REFUND8 =
  '微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包';

const COLUMNS: Record<BillType, string> = {
  ALL: `${HEAD14},${REFUND8},手续费,费率,订单金额,申请退款金额,费率备注`,
  SUCCESS: `${HEAD14},商品名称,商户数据包,手续费,费率,订单金额,费率备注`,
  REFUND:
    `${HEAD14},退款申请时间,退款成功时间,${REFUND8},` +
    '手续费,费率,订单金额,申请退款金额,费率备注',
};

const SUMMARY7 =
  '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额';

const SUMMARY: Record<BillType, string> = {
  ALL: SUMMARY7,
  SUCCESS: '总交易单数,应结订单总金额,手续费总金额,订单总金额',
  REFUND: SUMMARY7,
};

const FUND_COLUMNS =
  '记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),' +
  '账户结余(元),资金变更提交申请人,备注,业务凭证号';
const FUND_SUMMARY = '资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额';

/** Fen as yuan with two decimals, without any float. */
export function yuan(fen: number): string {
  const sign = fen < 0 ? '-' : '';
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Fees are written with five decimals, though they are whole fen. */
const feeText = (fen: number): string => `${yuan(fen)}000`;

/** The fee of an amount in whole fen, half up. The rate is a text such as `0.60` (percent). */
export function feeOf(ratePercent: string, fen: number): number {
  const basisPoints = Math.round(Number(ratePercent) * 100);
  return Math.floor((fen * basisPoints + 5000) / 10_000);
}

/** A value must not bring its own line break or back-tick separator into the file. */
const clean = (value: string): string => value.replace(/[\r\n]/g, ' ').replace(/,`/g, ', ');

const line = (row: Row): string => row.map((value) => `\`${clean(value)}`).join(',') + END;

interface Day {
  readonly payments: readonly Order[];
  readonly refunds: readonly Refund[];
}

/** What happened on a Beijing day: orders paid, refunds begun; of one shop of a service provider, or of all. */
function dayOf(world: World, date: string, shop: string): Day {
  const onDay = (ms: number): boolean => beijingDate(ms) === date;
  const ofShop = (order: Order): boolean => shop === '' || order.sub_mchid === shop;
  return {
    payments: [...world.orders.values()].filter(
      (o) => o.payment && onDay(o.payment.atMs) && ofShop(o),
    ),
    refunds: [...world.refunds.values()].filter((r) => onDay(r.createdMs) && ofShop(r.order)),
  };
}

function first14(world: World, order: Order, o: { time: string; state: string; fen: number }): Row {
  return [
    o.time,
    order.appid,
    order.mchid,
    order.sub_mchid ?? '0',
    order.device_id ?? '',
    order.payment?.transaction_id ?? '',
    order.out_trade_no,
    order.payment?.openid ?? '',
    order.payment?.trade_type ?? '',
    o.state,
    order.payment?.bank_type ?? '',
    'CNY',
    yuan(o.fen),
    '0.00',
  ];
}

const rateOf = (world: World): string => `${world.switches.feeRatePercent}%`;

function paymentRow(world: World, order: Order, type: BillType): Row {
  const { feeRatePercent } = world.switches;
  const head = first14(world, order, {
    time: billTime(order.payment?.atMs ?? 0),
    state: order.state === 'REVOKED' ? 'REVOKED' : 'SUCCESS',
    fen: order.total,
  });
  const goods = [order.description, order.attach ?? ''];
  const fee = [feeText(feeOf(feeRatePercent, order.total)), rateOf(world)];
  if (type === 'SUCCESS') return [...head, ...goods, ...fee, yuan(order.total), ''];
  const none = ['0', '0', '0.00', '0.00', '', ''];
  return [...head, ...none, ...goods, ...fee, yuan(order.total), '0.00', ''];
}

function refundFee(world: World, refund: Refund): number {
  const { refundFee: how, feeRatePercent } = world.switches;
  return how === 'zero' ? 0 : -feeOf(feeRatePercent, refund.amount);
}

function refundRow(world: World, refund: Refund, type: BillType): Row {
  const { order } = refund;
  const time = billTime(refund.createdMs);
  const success = refund.successMs === undefined ? '' : billTime(refund.successMs);
  return [
    ...first14(world, order, { time, state: 'REFUND', fen: 0 }),
    ...(type === 'REFUND' ? [time, success] : []),
    refund.refund_id,
    refund.out_refund_no,
    yuan(refund.amount),
    '0.00',
    'ORIGINAL',
    refund.status,
    order.description,
    order.attach ?? '',
    feeText(refundFee(world, refund)),
    rateOf(world),
    '0.00',
    yuan(refund.amount),
    '',
  ];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function countText(world: World, count: number): string {
  return world.switches.billCount === 'decimal' ? `${count}.0` : String(count);
}

/** A trade bill: BOM, names, rows, names of the sums, sums. */
function tradeBill(world: World, date: string, type: BillType, shop = ''): string {
  const day = dayOf(world, date, shop);
  const payments = type === 'REFUND' ? [] : day.payments;
  const refunds = type === 'SUCCESS' ? [] : day.refunds;
  const rows = [
    ...payments.map((order) => ({
      atMs: order.payment?.atMs ?? 0,
      row: paymentRow(world, order, type),
    })),
    ...refunds.map((refund) => ({ atMs: refund.createdMs, row: refundRow(world, refund, type) })),
  ].sort((a, b) => a.atMs - b.atMs);
  const paid = yuan(sum(payments.map((order) => order.total)));
  const back = yuan(sum(refunds.map((refund) => refund.amount)));
  const { feeRatePercent } = world.switches;
  const fees = feeText(
    sum(payments.map((order) => feeOf(feeRatePercent, order.total))) +
      sum(refunds.map((refund) => refundFee(world, refund))),
  );
  const count = countText(world, rows.length);
  const sums =
    type === 'SUCCESS' ? [count, paid, fees, paid] : [count, paid, back, '0.00', fees, paid, back];
  return [
    `${BOM}${COLUMNS[type]}${END}`,
    ...rows.map(({ row }) => line(row)),
    `${SUMMARY[type]}${END}`,
    line(sums),
  ].join('');
}

interface Flow {
  readonly atMs: number;
  readonly business: string;
  /** 业务名称: the fee of a payment has the payment's own. */
  readonly name: string;
  /** 业务类型: tells the two apart. */
  readonly type: string;
  readonly note?: string;
  /** Positive in, negative out. */
  readonly fen: number;
  readonly voucher: string;
}

const revoked = (order: Order, common: Pick<Flow, 'atMs' | 'business' | 'voucher'>): Flow => ({
  ...common,
  atMs: order.closedMs ?? common.atMs,
  name: '退款',
  type: '退款',
  fen: -order.total,
});

/** The merchant gives back what he got: the fee that WeChat returns is part of the refund, and noted. */
function refundFlow(world: World, refund: Refund): Flow {
  const back = Math.abs(refundFee(world, refund));
  return {
    atMs: refund.createdMs,
    business: refund.refund_id,
    name: '退款',
    type: '退款',
    fen: back - refund.amount,
    voucher: refund.out_refund_no,
    ...(back === 0 ? {} : { note: `退款总金额${yuan(refund.amount)}元;含手续费${yuan(back)}元` }),
  };
}

/**
 * Every movement of the merchant's balance since the world began, in order. A service provider's own account sees
 * nothing of what its shops take in.
 */
function flows(world: World, shop?: string): Flow[] {
  const ofAccount = (order: Order): boolean => order.sub_mchid === shop;
  const { feeRatePercent } = world.switches;
  const paid = [...world.orders.values()].flatMap((order): Flow[] => {
    if (order.payment === undefined || !ofAccount(order)) return [];
    const common = {
      atMs: order.payment.atMs,
      business: order.payment.transaction_id,
      voucher: order.out_trade_no,
    };
    const fee = feeOf(feeRatePercent, order.total);
    return [
      { ...common, name: '交易', type: '交易', fen: order.total },
      ...(fee === 0 ? [] : [{ ...common, name: '交易', type: '扣除交易手续费', fen: -fee }]),
      ...(order.state === 'REVOKED' ? [revoked(order, common)] : []),
    ];
  });
  const refunded = [...world.refunds.values()]
    .filter((refund) => refund.status !== 'CLOSED' && ofAccount(refund.order))
    .map((refund) => refundFlow(world, refund));
  const sent = [...world.transfers.values()]
    .filter((transfer) => transfer.state === 'SUCCESS' && shop === undefined)
    .map((transfer) => ({
      atMs: transfer.updatedMs,
      business: transfer.transfer_bill_no,
      name: '商家转账',
      type: '商家转账',
      fen: -transfer.amount,
      voucher: transfer.out_bill_no,
    }));
  return [...paid, ...refunded, ...sent].sort((a, b) => a.atMs - b.atMs);
}

function fundFlowBill(world: World, date: string, shop?: string): string {
  let balance = 0;
  const rows: { flow: Flow; row: Row }[] = [];
  for (const flow of flows(world, shop)) {
    balance += flow.fen;
    if (beijingDate(flow.atMs) !== date) continue;
    rows.push({
      flow,
      row: [
        billTime(flow.atMs),
        flow.business,
        flow.business,
        flow.name,
        flow.type,
        flow.fen > 0 ? '收入' : '支出',
        yuan(Math.abs(flow.fen)),
        yuan(balance),
        'system',
        flow.note ?? '',
        flow.voucher,
      ],
    });
  }
  const income = rows.filter(({ flow }) => flow.fen > 0).map(({ flow }) => flow.fen);
  const outgo = rows.filter(({ flow }) => flow.fen < 0).map(({ flow }) => -flow.fen);
  const sums = [
    countText(world, rows.length),
    countText(world, income.length),
    yuan(sum(income)),
    countText(world, outgo.length),
    yuan(sum(outgo)),
  ];
  return [
    `${BOM}${FUND_COLUMNS}${END}`,
    ...rows.map(({ row }) => line(row)),
    `${FUND_SUMMARY}${END}`,
    line(sums),
  ].join('');
}

/** All bills of a day as they stand now, whether WeChat would hand them out yet or not. */
export function billsOf(world: World, date: string): Bills {
  return {
    ALL: tradeBill(world, date, 'ALL'),
    SUCCESS: tradeBill(world, date, 'SUCCESS'),
    REFUND: tradeBill(world, date, 'REFUND'),
    fundflow: fundFlowBill(world, date),
  };
}

function checkDate(world: World, request: ApiRequest): string {
  const date = queryText(request.query, 'bill_date', text('账单日期', 10, R));
  const startMs = beijingDayStart(date);
  const now = world.now();
  const today = beijingDate(now);
  const open = world.switches.billReady === 'always';
  if (Number.isNaN(startMs) || startMs < now - BILL_AGE_MAX_MS || (date >= today && !open)) {
    throw paramError('账单日期不合法', { detail: { location: 'query', value: date } });
  }
  if (!open && now < startMs + DAY_MS + READY_MS) {
    throw new ApiError(400, 'STATEMENT_CREATING', '账单生成中，请稍后再试');
  }
  return date;
}

function reply(world: World, request: ApiRequest, bill: string): ApiReply {
  const tar = queryText(request.query, 'tar_type', text('压缩类型', 32, { oneOf: ['GZIP'] }));
  const plain = Buffer.from(bill, 'utf8');
  const token = world.random.text(64);
  for (const [known, file] of world.files) {
    if (file.expiresMs < world.now()) world.files.delete(known);
  }
  world.files.set(token, { plain, expiresMs: world.now() + TOKEN_LIFE_MS });
  const gzip = tar === 'GZIP' ? '&tartype=gzip' : '';
  return {
    status: 200,
    body: {
      hash_type: 'SHA1',
      hash_value: createHash('sha1').update(plain).digest('hex'),
      download_url: `${world.url}/v3/billdownload/file?token=${token}${gzip}`,
    },
  };
}

const noStatement = (): ApiError => new ApiError(400, 'NO_STATEMENT_EXIST', '账单文件不存在');

function tradeBillReply(world: World, request: ApiRequest): ApiReply {
  const allowed = text('账单类型', 32, { oneOf: ['ALL', 'SUCCESS', 'REFUND'] });
  const type = (queryText(request.query, 'bill_type', allowed) || 'ALL') as BillType;
  const date = checkDate(world, request);
  const shop = isProvider(world) ? queryText(request.query, 'sub_mchid', SUB_MCHID) : '';
  if (shop !== '') checkShop(world, shop);
  const day = dayOf(world, date, shop);
  const rows =
    (type === 'REFUND' ? 0 : day.payments.length) + (type === 'SUCCESS' ? 0 : day.refunds.length);
  if (rows === 0) throw noStatement();
  return reply(world, request, tradeBill(world, date, type, shop));
}

function fundFlowReply(world: World, request: ApiRequest): ApiReply {
  const allowed = text('资金账户类型', 32, { oneOf: ['BASIC', 'OPERATION', 'FEES'] });
  const account = queryText(request.query, 'account_type', allowed) || 'BASIC';
  const date = checkDate(world, request);
  // All money of this world moves over the basic account.
  const some = account === 'BASIC' && flows(world).some((f) => beijingDate(f.atMs) === date);
  if (!some) throw noStatement();
  return reply(world, request, fundFlowBill(world, date));
}

/** A shop's own bill is encrypted for its service provider: a key a file, which its merchant key opens. */
function shopFundReply(world: World, request: ApiRequest): ApiReply {
  requireProvider(world);
  const sub_mchid = queryText(request.query, 'sub_mchid', SUB_MCHID);
  checkShop(world, sub_mchid);
  const account = text('资金账户类型', 32, { ...R, oneOf: ['BASIC', 'OPERATION', 'FEES'] });
  const type = queryText(request.query, 'account_type', account);
  const algorithm = text('加密算法', 32, { ...R, oneOf: ['AEAD_AES_256_GCM', 'SM4_GCM'] });
  queryText(request.query, 'algorithm', algorithm);
  const date = checkDate(world, request);
  const some = flows(world, sub_mchid).some((f) => beijingDate(f.atMs) === date);
  if (type !== 'BASIC' || !some) throw noStatement();
  const key = world.random.text(32);
  const nonce = world.random.text(16);
  const bill = fundFlowBill(world, date, sub_mchid);
  const sealed = aesGcmEncrypt(bill, { key, nonce, associatedData: '' });
  const plain = Buffer.from(sealed, 'base64');
  const token = world.random.text(64);
  world.files.set(token, { plain, expiresMs: world.now() + TOKEN_LIFE_MS });
  const file = {
    bill_sequence: 1,
    download_url: `${world.url}/v3/billdownload/file?token=${token}`,
    encrypt_key: oaepEncrypt(key, world.keys.merchant.publicKey),
    hash_type: 'SHA1',
    hash_value: createHash('sha1').update(plain).digest('hex'),
    nonce,
  };
  return { status: 200, body: { download_bill_count: 1, download_bill_list: [file] } };
}

function download(world: World, request: ApiRequest): ApiReply {
  const file = world.files.get(request.query.get('token') ?? '');
  if (file === undefined || world.now() > file.expiresMs) {
    throw paramError('token不合法或已过期', { detail: { location: 'query', value: 'token' } });
  }
  const gzip = request.query.get('tartype') === 'gzip';
  return { status: 200, file: gzip ? gzipSync(file.plain) : file.plain };
}

export const billRoutes: readonly Route[] = [
  { method: 'GET', path: '/v3/bill/tradebill', handle: tradeBillReply },
  { method: 'GET', path: '/v3/bill/fundflowbill', handle: fundFlowReply },
  { method: 'GET', path: '/v3/bill/sub-merchant-fundflowbill', handle: shopFundReply },
  { method: 'GET', path: '/v3/billdownload/file', handle: download },
];
