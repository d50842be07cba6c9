import { clockFindings } from '../../cli/doctor/clock';
import { networkFinding, refusalFinding } from '../../cli/doctor/wechatAnswers';
import { report } from '../../cli/doctor/print';
import { checkProgram } from '../../cli/doctor/program';
import { fault, ok, warn } from '../../cli/doctor/findings';
import { checkSettings } from '../../cli/doctor/settings';
import { checkRecordSymptoms } from '../../cli/doctor/recordSymptoms';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import type { OrderRecord, Payment, Source } from '../../services/ledger/record';
import type { Config } from '../../config/types';
import { anOrder } from '../helpers/storeRecords';

describe('the sentences of config/', () => {
  it('keep a warning a warning beside a fault', () => {
    const { findings } = checkSettings({
      APPID: 'x',
      TENCENTCLOUD_RUNENV: 'SCF',
      databaseUrl: 'file:x',
    });
    const warned = findings.filter(({ severity }) => severity === 'warn').map(({ id }) => id);
    // The last two are absent, which is no fault: a merchant on platform certificates has neither.
    expect(warned.sort()).toEqual([
      'APPID.misspelt',
      'databaseUrl.vanishes',
      'wxPayPublicKey.missing',
      'wxPayPublicKeyId.missing',
    ]);
  });

  it('are shown in each language apart, with a slash of their own', () => {
    const [found] = checkSettings({ basePath: 'pay' }).findings.filter(({ id }) =>
      id.startsWith('base'),
    );
    expect(found).toMatchObject({
      id: 'basePath.invalid',
      zh: 'basePath：应以 / 开头，如 /pay',
      en: 'basePath: must begin with /, as /pay',
    });
  });
});

describe('a network that fails', () => {
  const config = { wxPayBaseUrl: 'https://api.mch.weixin.qq.com' } as Config;
  const failed = (code: string) =>
    networkFinding({ reason: 'network', code, sent: false, connection: true, stale: false }, config)
      .id;

  it.each([
    ['ENOTFOUND', 'network.dns'],
    ['EAI_AGAIN', 'network.dns'],
    ['CERT_HAS_EXPIRED', 'network.tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'network.tls'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'network.tls'],
    ['ECONNREFUSED', 'network.unreachable'],
    ['CONNECT_TIMEOUT', 'network.unreachable'],
    ['ECONNRESET', 'network.unreachable'],
  ])('%s is %s', (code, id) => {
    expect(failed(code)).toBe(id);
  });
});

describe('what WeChat answers to a number that cannot exist', () => {
  const answer = (status: number, body: object) =>
    refusalFinding({ status, headers: {}, raw: Buffer.from(JSON.stringify(body)) })?.id;

  it('is well when it says so, in either spelling', () => {
    expect(answer(404, { code: 'ORDER_NOT_EXIST' })).toBeUndefined();
    expect(answer(404, { code: 'ORDERNOTEXIST' })).toBeUndefined();
    expect(answer(404, { code: 'RESOURCE_NOT_EXISTS' })).toBeUndefined();
  });

  it.each([
    [401, { code: 'SIGN_ERROR', message: '商户证书序列号有误' }, 'wechat.serial'],
    [401, { code: 'SIGN_ERROR', detail: { field: 'serial_no' } }, 'wechat.serial'],
    [401, { code: 'SIGN_ERROR', detail: { field: 'signature' } }, 'wechat.sign_mismatch'],
    [401, { code: 'SIGN_ERROR', message: '错误的签名，验签失败' }, 'wechat.sign_mismatch'],
    [400, { code: 'APPID_MCHID_NOT_MATCH' }, 'wechat.appid_unbound'],
    [404, { code: 'MCH_NOT_EXISTS' }, 'wechat.mch_unknown'],
    [404, {}, 'wechat.refused'],
    [429, { code: 'RATELIMIT_EXCEEDED' }, 'wechat.unavailable'],
    [502, {}, 'wechat.unavailable'],
  ])('%i %j is %s', (status, body, id) => {
    expect(answer(status, body)).toBe(id);
  });
});

describe('the clock', () => {
  const at = Date.parse('2026-01-02T03:04:05Z');
  const date = new Date(at).toUTCString();
  const ids = (offMs: number) => clockFindings(date, at + offMs).map(({ id }) => id);

  it('is right, drifts, and is off', () => {
    expect(ids(0)).toEqual(['clock.right']);
    expect(ids(29_000)).toEqual(['clock.right']);
    expect(ids(-30_000)).toEqual(['clock.drift']);
    expect(ids(289_000)).toEqual(['clock.drift']);
    expect(ids(290_000)).toEqual(['clock.off']);
    expect(ids(-3_600_000)).toEqual(['clock.off']);
    expect(clockFindings(undefined, at)).toEqual([]);
  });
});

describe('symptoms in the records', () => {
  const NOW = Date.parse('2026-01-02T03:04:05Z');
  const payment = (source: Source): Payment => ({
    transaction_id: '4200000000000000000000000001',
    total: 100,
    currency: 'CNY',
    appid: 'wx0123456789abcdef',
    mchid: '1900000001',
    proof: 'signature',
    source,
  });
  const symptoms = async (facts: readonly Partial<OrderRecord>[]): Promise<string[]> => {
    const store = createMemoryOrderStore();
    for (const [i, fact] of facts.entries()) {
      await store.insert(anOrder(`ORDER000${String(i)}`, { agenda: [], effects: [], ...fact }));
    }
    const found = await checkRecordSymptoms(store, '1900000001', NOW);
    await store.close();
    return found.map(({ id }) => id);
  };
  const times = (count: number, fact: Partial<OrderRecord>): Partial<OrderRecord>[] =>
    new Array<Partial<OrderRecord>>(count).fill(fact);
  const asked = { state: 'PAID', payment: payment('query') } as const;
  const told = { state: 'PAID', payment: payment('callback') } as const;

  it('show that no callback ever arrives', async () => {
    expect(await symptoms(times(5, asked))).toEqual(['callbacks.never']);
    expect(await symptoms(times(4, asked))).toEqual([]);
    expect(await symptoms([...times(9, asked), told])).toEqual([]);
  });

  it('show that nobody gets to pay', async () => {
    expect(await symptoms(times(5, { state: 'CLOSED' }))).toEqual(['payments.never']);
    expect(await symptoms([...times(9, { state: 'CLOSED' }), told])).toEqual([]);
  });

  it('show that WeChat refused the appid', async () => {
    const refusal = { code: 'PARAM_ERROR', message: 'appid与openid不匹配', proven: false };
    expect(await symptoms([{ refusal }])).toEqual(['orders.appid_refused']);
    expect(await symptoms([{ refusal: { ...refusal, message: '金额' } }])).toEqual([]);
  });

  it('show that nothing sweeps', async () => {
    const due = (at: number) => symptoms([{ agenda: [{ do: 'query', at, tries: 0 }] }]);
    expect(await due(NOW - 600_000)).toEqual(['sweep.behind']);
    expect(await due(NOW - 599_000)).toEqual([]);
  });

  it('show effects that were given up', async () => {
    const effect = { id: 'ef_1', type: 'order.paid', at: 1, data: {}, tries: 10 } as const;
    expect(await symptoms([{ effects: [{ ...effect, state: 'dead' }] }])).toEqual(['effects.dead']);
    expect(await symptoms([{ effects: [{ ...effect, state: 'delivered' }] }])).toEqual([]);
  });
});

it.each([
  ['18.14.2', ['node.old']],
  ['16.20.0', ['node.old']],
  ['18.15.0', []],
  ['20.0.0', []],
])('Node %s', (version, ids) => {
  expect(checkProgram(__dirname, version).map(({ id }) => id)).toEqual(ids);
});

describe('the report', () => {
  it('begins with the worst, says the same advice once, and counts', () => {
    const fix = ['修', 'mend'] as const;
    const text = report([
      ok('fine', ['好', 'fine']),
      warn('w', ['提醒', 'warning'], { faq: 'Q5' }),
      fault('a', ['甲', 'first'], { fix }),
      fault('b', ['乙', 'second'], { fix }),
    ]);
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      '✗ a',
      '甲',
      'first',
      '✗ b',
      '乙',
      'second',
      '→ 修',
      '→ mend',
      '! w  (Q5)',
      '提醒',
      'warning',
      '✓ 好 / fine',
      '',
      '故障 faults 2，提醒 warnings 1',
      '',
    ]);
  });
});
