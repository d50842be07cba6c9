/** The run: the loop in both signing modes, the attacks, the verdict. */
import { runAttacks, runUnprepared } from './attacks';
import type { Tally } from './expect';
import { openHarness, type Harness, type HarnessOptions } from './harness';
import { runPartner, WITH_SHOPS } from './partnerOrder';
import { runLoop } from './scenario';
import { words, type Mode, type Tell, type Words } from './types';

export interface Verdict extends Tally {
  readonly ok: boolean;
  readonly seconds: number;
}

interface Act {
  readonly mode: Mode;
  readonly title: Words;
  readonly options?: HarnessOptions;
  readonly play: (harness: Harness, tally: Tally) => Promise<void>;
}

const ACTS: readonly Act[] = [
  {
    mode: 'sdk',
    title: words('模式 sdk：微信直接回调，本服务验签', 'Mode sdk: signed callbacks, verified here'),
    play: (harness, tally) => runLoop(harness, { no: 'TEA_SDK_1', ciphertext: true, tally }),
  },
  {
    mode: 'gateway',
    title: words(
      '模式 gateway：集成中心转发，含密文',
      'Mode gateway: forwarded by Integration Center, with ciphertext',
    ),
    play: async (harness, tally) => {
      await runLoop(harness, { no: 'TEA_GW_1', ciphertext: true, tally });
      const title = words(
        '模式 gateway：仅明文，须查询证实',
        'Mode gateway: plaintext only, a query proves',
      );
      harness.tell({ type: 'scene', title, act: true });
      await runLoop(harness, { no: 'TEA_GW_2', ciphertext: false, tally });
    },
  },
  {
    mode: 'sdk',
    title: words(
      '多商户：文件中再加两个，同一单号',
      'Two more merchants in a file, the same number',
    ),
    options: { several: true },
    async play(harness, tally) {
      for (const shop of [harness, ...harness.further]) {
        const { merchantId } = shop.simulator.credentials;
        const title = words(`商户 ${merchantId}`, `merchant ${merchantId}`);
        harness.tell({ type: 'scene', title, act: true });
        await runLoop(shop, { no: 'TEA_SHOPS_1', ciphertext: true, tally });
      }
    },
  },
  {
    mode: 'sdk',
    title: words('服务商：替子商户收款', 'Service provider: an order for a shop'),
    options: { simulated: WITH_SHOPS },
    play: runPartner,
  },
  {
    mode: 'sdk',
    title: words('API v2：同样的路由，XML 接口', 'API v2: the same routes over XML'),
    options: { api: 'v2' },
    play: (harness, tally) =>
      runLoop(harness, { no: 'TEA_V2_1', ciphertext: true, transfers: false, tally }),
  },
  {
    mode: 'sdk',
    title: words('攻击：以下都必须失败', 'Attacks: all of these must fail'),
    options: { settings: { requirePreparedOrders: 'true' } },
    play: runAttacks,
  },
  {
    mode: 'sdk',
    title: words('为何要预下单', 'Why prepared orders'),
    play: runUnprepared,
  },
];

async function playAct(act: Act, tell: Tell, tally: Tally): Promise<void> {
  const harness = await openHarness(act.mode, tell, act.options);
  try {
    harness.tell({ type: 'scene', title: act.title, act: true });
    await act.play(harness, tally);
    const unsigned = harness.simulator.requests.filter((r) => r.signature !== 'valid').length;
    const ok = unsigned === 0;
    tally[ok ? 'passed' : 'failed'] += 1;
    harness.tell({
      type: 'check',
      text: words('发往微信的每个请求都签名有效', 'every request to WeChat Pay was signed well'),
      ok,
      ...(ok ? {} : { expected: '0', actual: String(unsigned) }),
    });
  } finally {
    await harness.close();
  }
}

export async function run(tell: Tell): Promise<Verdict> {
  const startedMs = performance.now();
  const tally: Tally = { passed: 0, failed: 0 };
  for (const act of ACTS) await playAct(act, tell, tally);
  const seconds = (performance.now() - startedMs) / 1000;
  return { ...tally, ok: tally.failed === 0, seconds };
}
