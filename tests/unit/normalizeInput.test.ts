import { normalizeInput, type Ours } from '../../utils/normalizeInput';

const OURS: Ours = {
  appId: 'wx_app',
  serviceAppId: 'wx_service',
  mchid: '1900000001',
  notifyUrls: { order: 'https://a/order', refund: 'https://a/refund', transfer: undefined },
};
const read = (body: Readonly<Record<string, unknown>>, notify?: 'order' | 'refund' | 'transfer') =>
  normalizeInput(body, OURS, notify);

test.each([null, {}, { openid: '' }])('payer %j names nobody', (payer) => {
  expect(read({ x: 1, payer, combine_payer_info: payer })).toEqual({ x: 1 });
});

test.each([{ openid: 'o' }, { openid: null }, { openid: '', x: 1 }, [], '', 0, false, undefined])(
  'payer %j is left for the schema',
  (payer) => {
    expect(read({ payer })).toEqual({ payer });
  },
);

test('what is ours is passed over, what is another’s stays', () => {
  const ours = { appid: 'wx_app', mchid: '1900000001', notify_url: 'https://a/order' };
  expect(read({ x: 1, ...ours }, 'order')).toEqual({ x: 1 });
  expect(read({ combine_appid: 'wx_app', combine_mchid: '1900000001' })).toEqual({});
  for (const other of [
    { appid: 'wx_other' },
    { appid: ['wx_app'] },
    { appid: null },
    { mchid: 1900000001 },
    { notify_url: 'https://a/order/' },
    { notify_url: 'https://a/refund' },
    { notify_url: '' },
  ]) {
    expect(read(other, 'order')).toEqual(other);
  }
});

test('a notify URL is ours only on its own route', () => {
  const order = { notify_url: 'https://a/order' };
  const refund = { notify_url: 'https://a/refund' };
  expect(read(refund, 'refund')).toEqual({});
  expect(read(order, 'refund')).toEqual(order);
  expect(read(order, 'transfer')).toEqual(order);
  expect(read(order)).toEqual(order);
});

test('the appid is the one that useServiceAccount picks', () => {
  expect(read({ appid: 'wx_service', useServiceAccount: true })).toEqual({
    useServiceAccount: true,
  });
  const wrong = { appid: 'wx_app', useServiceAccount: true };
  expect(read(wrong)).toEqual(wrong);
  expect(read({ appid: 'wx_service' })).toEqual({ appid: 'wx_service' });
});

test.each([
  ['true', true],
  ['false', false],
  ['TRUE', 'TRUE'],
  ['1', '1'],
  [1, 1],
])('useServiceAccount %j is %j', (sent, read_) => {
  expect(read({ useServiceAccount: sent })).toEqual({ useServiceAccount: read_ });
});

test('an empty attach is none, in every part as well', () => {
  const parts = [{ no: 'A', attach: '' }, { no: 'B', attach: 'x' }, null, 'x'];
  expect(read({ attach: '', sub_orders: parts })).toEqual({
    sub_orders: [{ no: 'A' }, { no: 'B', attach: 'x' }, null, 'x'],
  });
  expect(read({ attach: ' ', sub_orders: 'x' })).toEqual({ attach: ' ', sub_orders: 'x' });
});

test('nothing else is touched, and never the body itself', () => {
  const plain = Object.freeze({ description: '', goods_tag: '', openid: '', amount: null });
  expect(read(plain)).toBe(plain);
  const body = Object.freeze({ attach: '', payer: Object.freeze({}), x: 1 });
  expect(read(body)).toEqual({ x: 1 });
  expect(body).toEqual({ attach: '', payer: {}, x: 1 });
});
