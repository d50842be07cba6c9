/** Which merchant a path names, and who serves it. */
import { merchantPath } from '../../routes/merchantPath';
import { createMerchantRegistry } from '../../services/merchants/merchantRegistry';
import { ConfigError } from '../../utils/errors';

describe('a path', () => {
  it.each([
    ['/m/shop-b/wx-pay/wxpay_order', 'shop-b', '/wx-pay/wxpay_order'],
    ['/m/shop-b/wechatpay/order/', 'shop-b', '/wechatpay/order/'],
    ['/m/b/wx-pay/records?kind=order', 'b', '/wx-pay/records?kind=order'],
    ['/m/b', 'b', '/'],
    ['/m/b/', 'b', '/'],
    ['/m/b?x=1', 'b', '/?x=1'],
    ['/m/b/m/c/x', 'b', '/m/c/x'],
    ['/m/b//x', 'b', '//x'],
  ])('%s names %s', (url, key, rest) => {
    expect(merchantPath(url, '')).toEqual({ key, rest });
    expect(merchantPath(`/pay${url}`, '/pay')).toEqual({ key, rest });
    expect(merchantPath(url, '/pay')).toEqual({ key, rest });
  });

  it.each([
    '/',
    '/m',
    '/m/',
    '/m//x',
    '/M/b/x',
    '/m/B/x',
    '/m/b%2d/x',
    '/m/b.c/x',
    `/m/${'k'.repeat(33)}/x`,
    '/x/m/b/x',
    '//m/b/x',
    '/wx-pay/wxpay_order',
    '/pay/m/b/x',
  ])('%s names none', (url) => {
    expect(merchantPath(url, '')).toBeUndefined();
  });
});

describe('the registry', () => {
  const broken = new ConfigError('CONFIG_INVALID', ['merchantsFile[1].apiV3Key: …']);
  const own = { key: undefined, mchid: '1', wing: 'own' };
  const b = { key: 'b', mchid: '2', wing: 'b' };
  const c = { key: 'c', mchid: '3', wing: broken };

  it('finds by key and by merchant id, and hands out no broken wing for records', () => {
    const registry = createMerchantRegistry(own, [b, c, { ...c, key: 'b' }]);
    expect(registry.byKey('b')).toBe(b);
    expect(registry.byKey('c')?.wing).toBe(broken);
    expect(registry.byKey('d')).toBeUndefined();
    expect([registry.byMchid('1'), registry.byMchid('2')]).toEqual([own, b]);
    expect([registry.byMchid('3'), registry.byMchid('4')]).toEqual([undefined, undefined]);
    expect(registry.configured).toEqual([own, b]);
    expect(registry.all).toHaveLength(4);
    expect(Object.isFrozen(registry) && Object.isFrozen(registry.all)).toBe(true);
  });

  it('answers every key with the fault of a refused file, and serves its own merchant', () => {
    const registry = createMerchantRegistry(own, [], broken);
    expect(registry.byKey('anything')?.wing).toBe(broken);
    expect(registry.configured).toEqual([own]);
  });
});
