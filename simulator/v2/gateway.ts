import { gzipSync } from 'node:zlib';
import { billsOf } from '../bills';
import { flip } from '../notifier';
import { beijingDate, beijingDayStart, DAY_MS, HOUR_MS } from '../time';
import type { Fault } from '../types';
import type { World } from '../world';
import { BusinessError, check, prove, R, Unreadable, type V2Request } from './checks';
import { micropay, reverse } from './codepay';
import { closeorder, orderquery, unifiedorder } from './orders';
import { refund, refundquery } from './refunds';
import { sign, type SignType } from './sign';
import { parseXml, xmlText, type Fields } from './xml';

/** Fields of an answer, or a file. */
type Handler = (world: World, request: V2Request) => Fields | Buffer;

const ROUTES: Readonly<Record<string, Handler>> = {
  '/pay/unifiedorder': unifiedorder,
  '/pay/orderquery': orderquery,
  '/pay/closeorder': closeorder,
  '/pay/micropay': micropay,
  '/pay/refundquery': refundquery,
  '/pay/downloadbill': downloadbill,
  '/secapi/pay/refund': refund,
  '/secapi/pay/reverse': reverse,
  '/pay/downloadfundflow': downloadfundflow,
};

const SECURED = /^\/(secapi\/|pay\/downloadfundflow)/;

export const isV2 = (path: string): boolean => /^\/(pay|secapi)\//.test(path);

export interface V2Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  /** `valid`, or why not. */
  readonly signature: string;
}

/** Who a request says it comes from. */
export const merchantOf = (raw: Buffer): string | undefined =>
  parseXml(raw.toString('utf8'))?.mch_id;

/** Answers one call of API v2. What went wrong is said in XML with status 200, as WeChat does. */
export function answerV2(world: World, path: string, raw: Buffer, fault?: Fault): V2Answer {
  const handler = ROUTES[path];
  if (handler === undefined) return page(404, '<html>404 Not Found</html>');
  if (SECURED.test(path) && world.switches.clientCertificate === 'refuse') {
    return page(400, '<html>400 No required SSL certificate was sent</html>');
  }
  let request: V2Request | undefined;
  try {
    request = prove(world, parseXml(raw.toString('utf8')));
    const told = handler(world, request);
    if (Buffer.isBuffer(told)) {
      return { status: 200, type: 'text/plain', body: told, signature: 'valid' };
    }
    return xml(
      { ...common(world, request), result_code: 'SUCCESS', ...told },
      request,
      world,
      fault,
    );
  } catch (error) {
    if (error instanceof BusinessError && request !== undefined) {
      const { code: err_code, description: err_code_des } = error;
      const fields = { ...common(world, request), result_code: 'FAIL', err_code, err_code_des };
      return xml(fields, request, world, fault);
    }
    if (!(error instanceof Unreadable)) throw error;
    const said = xmlText({ return_code: 'FAIL', return_msg: error.message });
    const signature = request === undefined ? error.message : 'valid';
    return { status: 200, type: 'text/xml', body: Buffer.from(said), signature };
  }
}

const page = (status: number, text: string): V2Answer => ({
  status,
  type: 'text/html',
  body: Buffer.from(text),
  signature: 'unchecked',
});

const common = (world: World, { fields }: V2Request): Fields => ({
  return_code: 'SUCCESS',
  return_msg: 'OK',
  appid: fields.appid ?? '',
  mch_id: world.mchid,
  nonce_str: world.random.text(16),
});

const OTHER: Readonly<Record<SignType, SignType>> = { MD5: 'HMAC-SHA256', 'HMAC-SHA256': 'MD5' };

/** Signed as the request was, or as a fault wants it. */
function xml(
  fields: Fields,
  { type }: V2Request,
  world: World,
  fault: Fault | undefined,
): V2Answer {
  const kind = fault?.kind;
  const used = kind === 'other_sign_type' ? OTHER[type] : type;
  const right = sign(fields, world.keys.apiKeyV2, used);
  const signed =
    kind === 'no_signature'
      ? fields
      : { ...fields, sign: kind === 'bad_signature' ? flip(right) : right };
  return {
    status: 200,
    type: 'text/xml',
    body: Buffer.from(xmlText(signed)),
    signature: 'valid',
  };
}

const READY_MS = 9 * HOUR_MS;

function dayOf(world: World, fields: Fields): string {
  const text = fields.bill_date ?? '';
  const date = `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`;
  const startMs = beijingDayStart(date);
  const open = world.switches.billReady === 'always';
  const now = world.now();
  if (Number.isNaN(startMs) || (date >= beijingDate(now) && !open)) {
    throw new Unreadable('invalid bill_date');
  }
  if (!open && now < startMs + DAY_MS + READY_MS) throw new Unreadable('Bill Creating');
  return date;
}

/** Raw text or gzip bytes: no XML, no signature, no hash. */
function file(bill: string, fields: Fields): Buffer {
  const rows = bill.split('\r\n').filter((line) => line.startsWith('`')).length;
  if (rows <= 1) throw new Unreadable('No Bill Exist');
  return fields.tar_type === 'GZIP' ? gzipSync(bill) : Buffer.from(bill);
}

function downloadbill(world: World, request: V2Request): Buffer {
  check(world, request, {
    bill_date: { max: 8, ...R, pattern: /^\d{8}$/ },
    bill_type: { max: 16, pattern: /^(ALL|SUCCESS|REFUND|RECHARGE_REFUND)$/ },
    tar_type: { max: 8, pattern: /^GZIP$/ },
  });
  const { fields } = request;
  const type = (fields.bill_type ?? 'ALL') as 'ALL' | 'SUCCESS' | 'REFUND';
  return file(billsOf(world, dayOf(world, fields))[type], fields);
}

function downloadfundflow(world: World, request: V2Request): Buffer {
  if (request.type !== 'HMAC-SHA256') throw new Unreadable('签名类型错误');
  check(world, request, {
    bill_date: { max: 8, ...R, pattern: /^\d{8}$/ },
    account_type: { max: 16, ...R, pattern: /^(Basic|Operation|Fees)$/ },
    tar_type: { max: 8, pattern: /^GZIP$/ },
  });
  const { fields } = request;
  if (fields.account_type !== 'Basic') throw new Unreadable('No Bill Exist');
  return file(billsOf(world, dayOf(world, fields)).fundflow, fields);
}
