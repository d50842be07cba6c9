/** What the records say about things no setting shows: the FAQ's silent failures leave these traces. */
import type { OrderRecord } from '../../services/ledger/record';
import type { RecordStore } from '../../services/stores/orderStore';
import { warn, type Finding } from './findings';

const ORDERS_LOOKED_AT = 50;
/** Fewer prove nothing. */
const ORDERS_MIN = 5;
/** 0.1 yuan, as the FAQ advises. */
const TINY_FEN = 10;
const BEHIND_MS = 10 * 60_000;
const MINUTE_MS = 60_000;

export async function checkRecordSymptoms(
  store: RecordStore,
  mchid: string,
  nowMs: number,
): Promise<Finding[]> {
  const { items } = await store.list({ mchid, kind: 'order', limit: ORDERS_LOOKED_AT });
  const orders = items as readonly OrderRecord[];
  return [
    ...behind(await store.oldestDue(mchid), nowMs),
    ...callbacks(orders),
    ...payments(orders),
    ...refusals(orders),
    ...dead(orders),
  ];
}

function behind(oldestDue: number | undefined, nowMs: number): Finding[] {
  if (oldestDue === undefined || nowMs - oldestDue < BEHIND_MS) return [];
  const minutes = Math.floor((nowMs - oldestDue) / MINUTE_MS);
  return [
    warn(
      'sweep.behind',
      [
        `有记录到期 ${minutes} 分钟仍未处理：巡检没有运行`,
        `something has been due for ${minutes} minutes: nothing sweeps`,
      ],
      {
        fix: [
          '部署 examples/sweep-timer 或运行 node bin/pay-common sweep --until-done',
          'deploy examples/sweep-timer, or run node bin/pay-common sweep --until-done',
        ],
      },
    ),
  ];
}

function callbacks(orders: readonly OrderRecord[]): Finding[] {
  const sources = orders.flatMap(({ payment }) => payment?.source ?? []);
  if (sources.length < ORDERS_MIN || sources.includes('callback')) return [];
  return [
    warn(
      'callbacks.never',
      [
        `最近 ${sources.length} 笔支付都是查询得知的，没有一次来自回调`,
        `the last ${sources.length} payments were all found by asking, none by a callback`,
      ],
      {
        fix: [
          '按 Q5 检查回调地址、APIv3 密钥、集成状态；商户平台 → 交易中心 → 通知查询',
          'check notify URL, APIv3 key and integration (Q5); merchant platform: Notification Query',
        ],
        faq: 'Q5',
      },
    ),
  ];
}

/** A prepay was given, and the payer never got to a payment: the fault lies in front of the service. */
function payments(orders: readonly OrderRecord[]): Finding[] {
  const asked = orders.filter((order) => order.state !== 'PREPARED' && order.state !== 'REJECTED');
  const settled = asked.filter((order) => order.state === 'CLOSED');
  if (settled.length < ORDERS_MIN || settled.length < asked.length) return [];
  if (settled.every(({ amount }) => amount.total < TINY_FEN)) return [tiny(settled.length)];
  return [
    warn(
      'payments.never',
      [
        `最近 ${settled.length} 笔订单都未支付即关闭：可能调不起支付`,
        `the last ${settled.length} orders were all closed unpaid: payment may not open at all`,
      ],
      {
        fix: [
          '见 Q6（绑定与权限）、Q7（须用真机）、Q8（风控限额）',
          'see Q6 (binding, capability), Q7 (a real device), Q8 (limits of risk control)',
        ],
        faq: 'Q6',
      },
    ),
  ];
}

/** Risk control takes long rows of one-fen orders for tests, and answers with a limit. */
const tiny = (count: number): Finding =>
  warn(
    'payments.tiny',
    [
      `最近 ${count} 笔订单都不足 0.1 元且未支付：微信风控会限制小额测试`,
      `the last ${count} orders were below 0.1 yuan and closed unpaid: risk control limits such tests`,
    ],
    {
      fix: [
        '换 0.1–1 元金额、换账号或次日再试；仍调不起见 Q6、Q7',
        'pay 0.1–1 yuan, with another account or another day; if nothing opens see Q6 and Q7',
      ],
      faq: 'Q8',
    },
  );

/** WeChat's last refusal is kept in the order. Its words are no verdict, but they are a hint. */
function refusals(orders: readonly OrderRecord[]): Finding[] {
  const refused = orders.flatMap(({ refusal }) => refusal ?? []);
  const bound = refused.some(({ code, message }) => {
    const plain = code.replaceAll('_', '');
    return plain === 'OPENIDMISMATCH' || plain === 'APPIDMCHIDNOTMATCH' || /openid/i.test(message);
  });
  if (bound) {
    return [
      warn(
        'orders.appid_refused',
        [
          '微信支付曾以 appid 与 openid 或商户号不匹配拒绝订单',
          'WeChat Pay refused orders: the appid does not fit the openid or the merchant id',
        ],
        {
          fix: [
            'appId 须为用户所用小程序的 AppID，且已在商户平台绑定',
            'appId must be that of the Mini Program in use, and bound on the merchant platform',
          ],
          faq: 'Q4',
        },
      ),
    ];
  }
  return [];
}

function dead(orders: readonly OrderRecord[]): Finding[] {
  const count = orders.flatMap((order) =>
    order.effects.filter((one) => one.state === 'dead'),
  ).length;
  if (count === 0) return [];
  return [
    warn(
      'effects.dead',
      [`${count} 个业务事件投递失败已放弃`, `${count} effects were given up after all retries`],
      {
        fix: [
          '修复接收方后运行 node bin/pay-common records redeliver order NO',
          'mend the receiver, then node bin/pay-common records redeliver order NO',
        ],
      },
    ),
  ];
}
