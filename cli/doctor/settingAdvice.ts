/** Settings that are valid, and yet may not be what was meant. */
import { SETTINGS } from '../../config/schema';
import { placeOf } from '../../config/hosts';
import type { Config } from '../../config/types';
import type { Env } from '../io';
import { fault, ok, warn, type Finding } from './findings';

const ENVIRONMENT_BYTES_MAX = 4096;
const OFFICIAL = /^https:\/\/api2?\.mch\.weixin\.qq\.com$/;
const CALLBACK_PATHS = {
  notifyURLPayURL: /\/(wechatpay\/order|wx-pay\/unifiedOrderTrigger)$/,
  notifyURLRefundsURL: /\/(wechatpay\/refund|wx-pay\/refundTrigger)$/,
  transferNotifyUrl: /\/(wechatpay\/transfer|wx-pay\/transferTrigger)$/,
} as const;

type NotifyName = keyof typeof CALLBACK_PATHS;
const NOTIFY_NAMES = Object.keys(CALLBACK_PATHS) as NotifyName[];

export function adviseOnSettings(config: Config, env: Env): Finding[] {
  return [
    ...operators(config),
    ...prices(config),
    ...sweeping(config),
    ...payers(config),
    ...bearer(config),
    ...verification(config),
    ...NOTIFY_NAMES.flatMap((name) => notifyPath(config, name)),
    ...size(env),
    ...host(config),
  ];
}

function operators(config: Config): Finding[] {
  if (config.operatorKeys.length + config.operatorOpenids.length > 0) {
    return [ok('operators.set', ['运营接口已启用', 'operator routes are enabled'])];
  }
  return [
    warn(
      'operators.none',
      [
        '未设置 operatorKeys：退款、转账、对账、记录等接口一律 403',
        'operatorKeys is not set: refunds, transfers, bills and records answer 403',
      ],
      {
        fix: [
          '设置 operatorKeys 为 32 个以上随机字符，如 openssl rand -hex 24',
          'set operatorKeys to 32 random characters or more, as from openssl rand -hex 24',
        ],
      },
    ),
  ];
}

function prices(config: Config): Finding[] {
  if (config.requirePreparedOrders) return [];
  return [
    warn(
      'prices.client',
      [
        '价格由客户端给出：发货前必须核对事件中的金额',
        'prices are chosen by clients: whoever delivers goods must compare the amount',
      ],
      {
        fix: [
          '由后台先调用 wxpay_prepare_order 并设 requirePreparedOrders=true，或在接收方核对金额',
          'prepare orders (wxpay_prepare_order) and set requirePreparedOrders=true, or compare',
        ],
      },
    ),
  ];
}

function sweeping(config: Config): Finding[] {
  if (config.sweepSeconds > 0) return [];
  if (!config.scf) {
    return [
      warn('sweep.off', ['sweepSeconds=0：进程内不巡检', 'sweepSeconds=0: nothing is swept'], {
        fix: [
          '去掉 sweepSeconds，或定时运行 node bin/pay-common sweep',
          'remove sweepSeconds, or run node bin/pay-common sweep by a timer',
        ],
      }),
    ];
  }
  return [
    warn(
      'sweep.no_timer',
      [
        '云函数内没有定时器：须由外部定时调用 wxpay_sweep，否则丢失的回调与过期订单无人处理',
        'no timer runs inside SCF: something must call wxpay_sweep, or lost callbacks stay lost',
      ],
      { fix: ['部署 examples/sweep-timer', 'deploy examples/sweep-timer'], faq: 'Q5' },
    ),
  ];
}

function payers(config: Config): Finding[] {
  if (config.trustWxHeaders || config.cloudbaseEnv !== undefined) return [];
  return [
    warn(
      'payers.none',
      [
        '没有任何方式识别付款人：openid 永远到不了，用户下单一律 401',
        'no way to know a payer: no openid will ever arrive, every order of a user is 401',
      ],
      {
        fix: [
          '设置 cloudbaseEnv 校验访问令牌；或部署为云函数由 callHTTPFunction 注入 openid',
          'set cloudbaseEnv to verify tokens, or deploy as a cloud function (callHTTPFunction)',
        ],
        faq: 'Q9',
      },
    ),
  ];
}

/** A question more than a fault: only the platform knows whether it sends a token of its own. */
function bearer(config: Config): Finding[] {
  if (!config.scf || config.present['foreignBearer'] === true) return [];
  return [
    warn(
      'bearer.undecided',
      [
        '平台入口可能自带不属于本环境的 Bearer 令牌；默认拒绝（401）',
        'the platform may send a Bearer token that is not of this environment; it is refused (401)',
      ],
      {
        fix: [
          '若下单返回 401 且提到 foreignBearer，设为 ignore；确认无此情况则设为 refuse',
          'if ordering answers 401 naming foreignBearer set it to ignore; if not, to refuse',
        ],
        faq: 'Q9',
      },
    ),
  ];
}

function verification(config: Config): Finding[] {
  const { v3 } = config.credentials;
  if (v3 === undefined || v3.wxPayPublicKey !== undefined) return [];
  return [
    ok('certificates.used', [
      '使用平台证书验签；新商户只有微信支付公钥（用 --live 核实，见 Q10）',
      'platform certificates are used; new merchants have only a public key (--live tells, Q10)',
    ]),
  ];
}

function notifyPath(config: Config, name: NotifyName): Finding[] {
  const url = config[name];
  if (url === undefined) return [];
  const { pathname } = new URL(url);
  if (pathname === '/' || CALLBACK_PATHS[name].test(pathname)) return [];
  const other = NOTIFY_NAMES.find((one) => one !== name && CALLBACK_PATHS[one].test(pathname));
  if (other !== undefined) {
    return [
      fault(
        `${name}.swapped`,
        [`${name} 指向 ${other} 的路径`, `${name} leads to the path of ${other}`],
        { fix: ['两个地址填反了', 'the two URLs are swapped'], faq: 'Q5' },
      ),
    ];
  }
  return [
    warn(
      `${name}.path`,
      [
        `${name} 的路径 ${pathname} 不是本服务的回调路径`,
        `${name}: the path ${pathname} is no callback path of this service`,
      ],
      { fix: ['应以 /wechatpay/… 结尾', 'must end in /wechatpay/…'], faq: 'Q5' },
    ),
  ];
}

function size(env: Env): Finding[] {
  const bytes = SETTINGS.reduce((sum, { name }) => {
    const value = env[name];
    return sum + (value === undefined ? 0 : Buffer.byteLength(name) + Buffer.byteLength(value));
  }, 0);
  if (bytes <= ENVIRONMENT_BYTES_MAX) return [];
  return [
    warn(
      'settings.size',
      [
        `环境变量共 ${bytes} 字节，云函数上限 4096`,
        `the environment has ${bytes} bytes, a cloud function takes 4096`,
      ],
      { fix: ['删去默认值与未用的变量', 'leave out defaults and what is not used'] },
    ),
  ];
}

function host(config: Config): Finding[] {
  const url = config.wxPayBaseUrl;
  if (OFFICIAL.test(url)) return [];
  if (!config.scf && placeOf(new URL(url).hostname) === 'loopback') {
    return [
      ok('host.simulator', [
        `微信支付地址在本机（模拟器）：${url}，不会有真实付款`,
        `WeChat Pay is played by this machine: ${url}. Nothing is really paid`,
      ]),
    ];
  }
  return [
    fault(
      'host.unofficial',
      [
        `wxPayBaseUrl 不是微信支付的官方域名：${url}`,
        `wxPayBaseUrl is no host of WeChat Pay: ${url}`,
      ],
      {
        fix: [
          '删除 wxPayBaseUrl 与 wxPayBackupUrl，使用默认的官方域名',
          'remove wxPayBaseUrl and wxPayBackupUrl: the official hosts are the default',
        ],
      },
    ),
  ];
}
