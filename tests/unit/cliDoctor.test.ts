import { clockFindings } from '../../cli/doctor/clock';
import { networkFinding, refusalFinding } from '../../cli/doctor/wechatAnswers';
import { report } from '../../cli/doctor/print';
import { checkProgram } from '../../cli/doctor/program';
import { found, idOf, jsonOf, type Finding } from '../../cli/doctor/findings';
import { languageOf } from '../../cli/doctor/language';
import { CATALOGUE } from '../../cli/doctor/words';
import type { Row } from '../../cli/doctor/words/row';
import { FAULT_WORDS } from '../../config/faultWords';
import { doctorPage } from '../../scripts/doctor';
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
    const warned = findings.filter(({ severity }) => severity === 'warn').map(idOf);
    // The last two are absent, which is no fault: a merchant on platform certificates has neither.
    expect(warned.sort()).toEqual([
      'APPID.misspelt',
      'databaseUrl.files_vanish',
      'wxPayPublicKey.pair_absent',
      'wxPayPublicKeyId.pair_absent',
    ]);
  });

  it('are shown in each language apart, with a slash of their own', () => {
    const [fault] = checkSettings({ basePath: 'pay' }).findings.filter(
      ({ setting }) => setting === 'basePath',
    );
    expect(fault && jsonOf(fault)).toMatchObject({
      id: 'basePath.base_path',
      code: 'base_path',
      setting: 'basePath',
      zh: 'basePath：应以 / 开头，如 /pay',
      en: 'basePath: must begin with /, as /pay',
    });
  });
});

describe('a network that fails', () => {
  const config = { wxPayBaseUrl: 'https://api.mch.weixin.qq.com' } as Config;
  const failed = (code: string) =>
    networkFinding({ reason: 'network', code, sent: false, connection: true, stale: false }, config)
      .code;

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
    refusalFinding({ status, headers: {}, raw: Buffer.from(JSON.stringify(body)) })?.code;

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
  const ids = (offMs: number) => clockFindings(date, at + offMs).map(idOf);

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
    return found.map(idOf);
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

  it('show that a shop and its service provider do not fit', async () => {
    const refusal = { code: 'NO_AUTH', message: '受理关系不存在', proven: false };
    expect(await symptoms([{ refusal }])).toEqual(['orders.shop_refused']);
    const app = { ...refusal, message: 'sub_mch_id与sub_appid不匹配' };
    expect(await symptoms([{ refusal: app }])).toEqual(['orders.shop_refused']);
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
  expect(checkProgram(__dirname, version).map(idOf)).toEqual(ids);
});

describe('the catalogue', () => {
  const rows: readonly (readonly [string, Row])[] = Object.entries(CATALOGUE);

  it.each(rows)('says %s in both languages', (_code, { says, fix }) => {
    for (const [zh, en] of [says, ...(fix === undefined ? [] : [fix])]) {
      expect(zh.length).toBeGreaterThan(0);
      expect(en).toMatch(/^[^\u3000-\u9fff\uff00-\uffef]+$/);
      const named = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
      expect(named(zh)).toEqual(named(en));
    }
    expect(says[0]).toMatch(/[\u4e00-\u9fff]/);
  });

  it('shares no code with the faults of settings', () => {
    const faults = Object.keys(FAULT_WORDS);
    expect(Object.keys(CATALOGUE).filter((code) => faults.includes(code))).toEqual([]);
  });

  it('is what docs/doctor.md shows', () => {
    const page = doctorPage();
    for (const code of [...Object.keys(CATALOGUE), ...Object.keys(FAULT_WORDS)]) {
      expect(page).toContain(`\n| \`${code}\` |`);
    }
  });
});

describe('the report', () => {
  const findings: readonly Finding[] = [
    found('node.old', { params: { version: '16.0.0' } }),
    found('package.bootstrap_crlf'),
    found('package.bootstrap_shape'),
    found('payments.never', { params: { count: 5 } }),
    found('cert.fits'),
  ];
  const lines = (language: 'zh' | 'en' | 'both'): string[] =>
    report([...findings].reverse(), language)
      .split('\n')
      .map((line) => line.trim());

  it('begins with the worst, says the same advice once, and counts', () => {
    expect(lines('zh')).toEqual([
      '✗ package.bootstrap_shape',
      'scf_bootstrap 首行应为 #!/bin/bash，且以换行结尾',
      '✗ package.bootstrap_crlf',
      'scf_bootstrap 是 CRLF 换行（云函数报 405）',
      '→ 用 npm run build 重新生成 dist/，不要用会改动换行或权限的工具打包',
      '✗ node.old',
      'Node 16.0.0 过旧',
      '→ 至少需要 Node 18.15',
      '! payments.never  (Q6)',
      '最近 5 笔订单都未支付即关闭：可能调不起支付',
      '→ 见 Q6（绑定与权限）、Q7（须用真机）、Q8（风控限额）',
      '✓ 证书、序列号与私钥相符',
      '',
      '故障 3，提醒 1',
      '',
    ]);
  });

  it('speaks one language or both, each on a line of its own', () => {
    const chinese = /[\u4e00-\u9fff]/;
    expect(lines('en').filter((line) => chinese.test(line))).toEqual([]);
    expect(lines('both')).toEqual(
      expect.arrayContaining(
        [...lines('zh'), ...lines('en').map((line) => line.replace(/^✓ /, ''))].filter(
          (line) => !/^(故障|faults)/.test(line),
        ),
      ),
    );
    expect(lines('both')).toContain('故障 faults 3，提醒 warnings 1');
  });

  it.each<[string | undefined, Record<string, string>, string]>([
    [undefined, {}, 'both'],
    [undefined, { LANG: 'en_US.UTF-8' }, 'both'],
    [undefined, { LANG: 'zh_CN.UTF-8' }, 'zh'],
    [undefined, { LANG: 'zh_CN.UTF-8', LC_ALL: 'C' }, 'both'],
    ['en', { LANG: 'zh_CN.UTF-8' }, 'en'],
  ])('--lang %s with %j is %s', (given, env, language) => {
    expect(languageOf(given, env)).toBe(language);
  });

  it('knows no other language', () => {
    expect(() => languageOf('fr', {})).toThrow('--lang');
  });
});
