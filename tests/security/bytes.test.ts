/**
 * WeChat counts the bytes of a text. What is too long in bytes is refused here, before it is recorded, and by
 * the simulator in WeChat's own words; each side has a table of its own.
 */
import { openapiDocument } from '../../routes/documentedRoutes';
import { VALID, type Body } from './support/bodies';
import { OPERATOR_KEY, startStage, type Stage } from './support/stage';
import { createValidator } from '../../utils/validate';
import { PAY_ROUTES } from '../../routes/payRoutes';

/** Han characters, three bytes each, then Latin ones: exactly so many bytes. */
const han = (bytes: number): string => '字'.repeat(Math.floor(bytes / 3)) + 'x'.repeat(bytes % 3);

/** Route, field as a path, bytes that WeChat allows. */
const LIMITS: readonly (readonly [route: string, field: string, bytes: number])[] = [
  ...['wxpay_order', 'wxpay_order_h5', 'wxpay_order_native', 'wxpay_order_app'].flatMap((route) =>
    (
      [
        ['description', 127],
        ['attach', 128],
        ['goods_tag', 32],
        ['detail.invoice_id', 32],
        ['detail.goods_detail.0.merchant_goods_id', 32],
        ['detail.goods_detail.0.wechatpay_goods_id', 32],
        ['detail.goods_detail.0.goods_name', 256],
        ['scene_info.device_id', 32],
        ['scene_info.store_info.id', 32],
        ['scene_info.store_info.name', 256],
        ['scene_info.store_info.area_code', 32],
        ['scene_info.store_info.address', 512],
        ['scene_info.h5_info.type', 32],
        ['scene_info.h5_info.app_name', 64],
        ['scene_info.h5_info.app_url', 128],
        ['scene_info.h5_info.bundle_id', 128],
        ['scene_info.h5_info.package_name', 128],
      ] as const
    ).map(([field, bytes]) => [route, field, bytes] as const),
  ),
  ['wxpay_prepare_order', 'description', 127],
  ['wxpay_prepare_order', 'attach', 128],
  ['wxpay_prepare_order', 'goods_tag', 32],
  ['wxpay_order_codepay', 'description', 127],
  ['wxpay_order_codepay', 'attach', 128],
  ['wxpay_order_codepay', 'goods_tag', 32],
  ['wxpay_order_codepay', 'scene_info.device_id', 32],
  ['wxpay_order_codepay', 'scene_info.store_info.id', 32],
  ['wxpay_order_codepay', 'scene_info.store_info.out_id', 32],
  ['wxpay_order_codepay', 'detail.goods_detail.0.wxpay_goods_id', 32],
  ['wxpay_order_combine', 'scene_info.device_id', 16],
  ['wxpay_order_combine', 'scene_info.h5_info.app_name', 64],
  ['wxpay_order_combine', 'sub_orders.1.description', 127],
  ['wxpay_order_combine', 'sub_orders.1.attach', 128],
  ['wxpay_order_combine', 'sub_orders.1.goods_tag', 32],
  ['wxpay_order_combine', 'sub_orders.1.detail', 6000],
  ['wxpay_refund', 'reason', 80],
  ['wxpay_refund', 'goods_detail.0.goods_name', 256],
  ['wxpay_refund_abnormal', 'bank_type', 16],
  ['wxpay_transfer', 'transfer_remark', 32],
  ['wxpay_transfer', 'user_recv_perception', 32],
  ['wxpay_transfer', 'transfer_scene_report_infos.0.info_content', 32],
];

/** What has to stand around a field so that nothing but its length is wrong. */
const AROUND: Body = {
  'detail.goods_detail': [{ merchant_goods_id: 'G1', quantity: 1, unit_price: 1 }],
  goods_detail: [{ merchant_goods_id: 'G1', unit_price: 1, refund_amount: 1, refund_quantity: 1 }],
  scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } },
  'scene_info.store_info': { id: 'S1' },
};

type Tree = Record<string, unknown>;

/** The body with a value at a path; objects on the way are made, or taken from `AROUND`. */
function withAt(body: Body, path: string, value: unknown, route = ''): Body {
  const copy = structuredClone(body) as Tree;
  const keys = path.split('.');
  let at = copy;
  keys.slice(0, -1).forEach((key, i) => {
    const prefix = keys.slice(0, i + 1).join('.');
    const around = route === 'wxpay_order_codepay' && prefix === 'scene_info' ? {} : AROUND[prefix];
    at[key] ??= structuredClone(around ?? {});
    at = at[key] as Tree;
  });
  at[keys.at(-1) ?? ''] = value;
  return copy;
}

const schemaOf = (route: string): object => {
  const spec = PAY_ROUTES.find((one) => one.name === route);
  if (spec === undefined) throw new Error(route);
  return spec.body;
};

const bodyOf = (route: string): Body => VALID[route] ?? {};

describe('what may be sent is counted in bytes', () => {
  const validate = createValidator();

  test.each(LIMITS)('%s %s: %d bytes pass, one more does not', (route, field, bytes) => {
    const check = (text: string): unknown =>
      validate(schemaOf(route))(withAt(bodyOf(route), field, text, route));
    expect(() => check(han(bytes))).not.toThrow();
    expect(() => check('x'.repeat(bytes))).not.toThrow();
    for (const text of [han(bytes + 1), 'x'.repeat(bytes + 1)]) {
      expect(() => check(text)).toThrow(expect.objectContaining({ code: 'PARAM_INVALID' }));
    }
  });

  test('the fixed words of a transfer scene are counted in characters', () => {
    const check = (text: string): unknown =>
      validate(schemaOf('wxpay_transfer'))(
        withAt(bodyOf('wxpay_transfer'), 'transfer_scene_report_infos.0.info_type', text),
      );
    expect(() => check('采购商品名称')).not.toThrow();
    expect(() => check('字'.repeat(16))).toThrow();
  });

  test.each(['wxpay_order', 'wxpay_order_codepay'])('%s: detail as a whole', (route) => {
    const goods = {
      merchant_goods_id: 'G1',
      goods_name: '字'.repeat(80),
      quantity: 1,
      unit_price: 1,
    };
    const check = (count: number): unknown => {
      const detail = { goods_detail: Array.from({ length: count }, () => goods) };
      return validate(schemaOf(route))({ ...bodyOf(route), detail });
    };
    expect(() => check(15)).not.toThrow();
    expect(() => check(30)).toThrow(expect.objectContaining({ code: 'PARAM_INVALID' }));
  });

  test('the document says it in words', () => {
    const text = JSON.stringify(openapiDocument('0'));
    expect(text).not.toContain('maxBytes');
    expect(text).toContain('At most 127 bytes of UTF-8');
  });
});

describe('the service', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage();
  });
  afterAll(() => stage.close());

  const ASKED = LIMITS.filter(([, field]) => !field.includes('.'));

  test.each(ASKED)('%s %s: 400 that says the bytes, nothing recorded', async (route, field, n) => {
    const answer = await stage.asOperator(route, { ...bodyOf(route), [field]: han(n + 1) });
    expect(answer).toMatchObject({ status: 400, json: { error: 'PARAM_INVALID', data: null } });
    expect(answer.json.msg).toContain(field);
    expect(answer.json.msg).toContain(`${String(n)} 字节`);
    const list = await stage.call('/wx-pay/records', undefined, {
      headers: { 'x-api-key': OPERATOR_KEY },
    });
    expect(list.json).toMatchObject({ data: { data: { records: [] } } });
    expect(stage.simulator.requests).toHaveLength(0);
  });
});
