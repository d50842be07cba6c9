/** Attempts to get what is not one's own. Each must fail and leave the record as it was. */
import { expecter, type Expect, type Tally } from './expect';
import { textOf, yuan } from './wording';
import type { Asked, Reply, Harness } from './harness';
import { payAsPayer, placeOrder, PRICE_FEN, transferBody } from './scenario';
import { words, type Words } from './types';

const TEA = '龙井茶 Longjing tea';

interface Attack {
  readonly text: Words;
  readonly asked: Omit<Asked, 'text'>;
  /** Of our codes; a callback path answers with a status alone. */
  readonly answer: string;
  /** An unproven notification is a hint: WeChat Pay is asked, once, and its own answer counts. */
  readonly hint?: true;
  /** Another's number is asked about like one that nobody has, so that the two cannot be told apart. */
  readonly question?: true;
}

const answerOf = (reply: Reply): string => {
  const error = textOf(reply.body['error']);
  return error === '' ? String(reply.status) : `${String(reply.status)} ${error}`;
};

/** Runs one attack; the record must stay byte for byte, WeChat Pay is not asked but for a plain question. */
async function attempt(
  harness: Harness,
  expect: Expect,
  no: string,
  attack: Attack,
): Promise<void> {
  const held = await harness.look('order', no);
  const before = JSON.stringify(held);
  const asked = harness.simulator.requests.length;
  const reply = await harness.ask({ ...attack.asked, text: attack.text });
  expect(words('被拒绝', 'refused', attack.answer), {
    actual: answerOf(reply),
    expected: attack.answer,
  });
  if (attack.hint === true) {
    const now = await harness.look('order', no);
    expect(words('只去问微信；微信说未付', 'only makes us ask; WeChat Pay says unpaid'), {
      actual: `${now?.state ?? ''} ${String(harness.simulator.requests.length - asked)}`,
      expected: `${held?.state ?? ''} 1`,
    });
    return;
  }
  const unchanged = JSON.stringify(await harness.look('order', no)) === before;
  const questions = harness.simulator.requests.length - asked;
  const said =
    attack.question === true
      ? words(
          '记录未变，与不存在的单号一样问一次微信',
          'record unchanged, WeChat Pay asked once, as about a number that nobody has',
        )
      : words('记录未变，微信未被请求', 'record unchanged, WeChat Pay not asked');
  expect(said, {
    actual: unchanged && questions === (attack.question === true ? 1 : 0),
    expected: true,
  });
}

async function prepare(harness: Harness, no: string): Promise<Reply> {
  harness.receiver.price(no, PRICE_FEN);
  const reply = await harness.ask({
    from: 'shop',
    text: words('预下单：定价', 'prepares: fixes the price', `${no} ¥${yuan(PRICE_FEN)}`),
    path: '/wx-pay/wxpay_prepare_order',
    body: { out_trade_no: no, description: TEA, amount: { total: PRICE_FEN } },
    headers: harness.as.operator,
    checks: [words('运营密钥有效', 'operator key matches')],
  });
  await harness.look('order', no);
  return reply;
}

const orderPath = '/wx-pay/wxpay_order';

function priceAttacks(harness: Harness, no: string): readonly Attack[] {
  const headers = harness.as.payer;
  return [
    {
      text: words('把价格改成 1 分', 'changes the price to 1 fen', no),
      asked: {
        from: 'app',
        path: orderPath,
        body: { out_trade_no: no, description: TEA, amount: { total: 1 } },
        headers,
      },
      answer: '409 ORDER_PARAMS_DIFFER',
    },
    {
      text: words('自造单号，自定价格', 'invents a number and a price'),
      asked: {
        from: 'app',
        path: orderPath,
        body: { out_trade_no: `${no}_OWN`, description: TEA, amount: { total: 1 } },
        headers,
      },
      answer: '403 ORDER_NOT_PREPARED',
    },
    {
      text: words('自定回调地址', 'chooses where the callback goes', 'notify_url'),
      asked: {
        from: 'app',
        path: orderPath,
        body: { out_trade_no: no, notify_url: 'https://attacker.example/' },
        headers,
      },
      answer: '400 PARAM_INVALID',
    },
  ];
}

/** What a forger can write without a key: labels as WeChat's, made-up content, a made-up signature. */
function forgeries(harness: Harness, no: string): readonly Attack[] {
  const paid = { out_trade_no: no, trade_state: 'SUCCESS', amount: { total: PRICE_FEN } };
  const outer = { event_type: 'TRANSACTION.SUCCESS', resource_type: 'encrypt-resource' };
  const now = String(Math.floor(harness.simulator.clock.now() / 1000));
  return [
    {
      text: words('伪造“已支付”，无签名', 'posts "paid", unsigned', '/wechatpay/order'),
      asked: {
        from: 'stranger',
        path: '/wechatpay/order',
        body: { ...outer, ParsedContent: paid },
      },
      answer: '401',
      hint: true,
    },
    {
      text: words('伪造“已支付”，假签名', 'posts "paid", false signature', '/wechatpay/order'),
      asked: {
        from: 'stranger',
        path: '/wechatpay/order',
        body: { ...outer, resource: { ciphertext: 'AAAA', nonce: '0123456789ab' } },
        headers: {
          'wechatpay-serial': harness.simulator.credentials.wxPayPublicKeyId,
          'wechatpay-timestamp': now,
          'wechatpay-nonce': 'made-up',
          'wechatpay-signature': 'AAAA',
        },
      },
      answer: '401',
    },
    {
      text: words('用旧分发入口冒充回调', 'a callback by the old dispatch', 'POST /'),
      asked: { from: 'stranger', path: '/', body: { _action: 'unifiedOrderTrigger', ...paid } },
      answer: '400 PARAM_INVALID',
    },
  ];
}

function moneyOut(harness: Harness, no: string): readonly Attack[] {
  const refund = {
    out_trade_no: no,
    out_refund_no: `${no}_R9`,
    amount: { refund: PRICE_FEN, total: PRICE_FEN },
  };
  const query = { out_trade_no: no };
  const queryPath = '/wx-pay/wxpay_query_order_by_out_trade_no';
  return [
    {
      text: words('用户给自己退款', 'a user refunds himself'),
      asked: {
        from: 'app',
        path: '/wx-pay/wxpay_refund',
        body: refund,
        headers: harness.as.payer,
      },
      answer: '403 FORBIDDEN',
    },
    {
      text: words('用户给自己转账', 'a user transfers to himself'),
      asked: {
        from: 'app',
        path: '/wx-pay/wxpay_transfer',
        body: transferBody(harness, 'STOLEN0001', 20_000),
        headers: harness.as.payer,
      },
      answer: '403 FORBIDDEN',
    },
    {
      text: words('猜运营密钥去退款', 'guesses an operator key'),
      asked: {
        from: 'stranger',
        path: '/wx-pay/wxpay_refund',
        body: refund,
        headers: { ...harness.as.payer, 'x-api-key': 'x'.repeat(48) },
      },
      answer: '401 UNAUTHENTICATED',
    },
    {
      text: words('查看他人订单', "reads another user's order"),
      asked: { from: 'app', path: queryPath, body: query, headers: harness.as.other },
      answer: '404 ORDER_NOT_FOUND',
      question: true,
    },
    {
      text: words('无身份查询', 'reads without an identity'),
      asked: { from: 'stranger', path: queryPath, body: query },
      answer: '401 UNAUTHENTICATED',
    },
  ];
}

/** Every attack, on a shop that prepares its orders. */
export async function runAttacks(harness: Harness, tally: Tally): Promise<void> {
  const expect = expecter(harness, tally);
  const no = 'TEA_PREPARED_1';
  const each = async (attacks: readonly Attack[]): Promise<void> => {
    for (const attack of attacks) await attempt(harness, expect, no, attack);
  };
  harness.tell({ type: 'scene', title: words('攻击：少付钱', 'Attack: pay less') });
  await prepare(harness, no);
  await each(priceAttacks(harness, no));
  const honest = await placeOrder(harness, no, {}, words('', '', ''));
  const pending = await harness.look('order', no);
  expect(
    words('正常付款不受影响：价格来自商家', 'an honest payer passes: the price is the shop’s'),
    {
      actual: `${String(honest.status)} ${pending?.state ?? ''} ${String(pending?.totalFen)}`,
      expected: `200 PENDING ${String(PRICE_FEN)}`,
    },
  );
  harness.tell({ type: 'scene', title: words('攻击：冒充微信', 'Attack: speak as WeChat Pay') });
  await each(forgeries(harness, no));
  payAsPayer(harness, no);
  await harness.deliver({ kind: 'payment', no });
  const paid = await harness.look('order', no);
  expect(words('真回调照常记录', 'the genuine callback is recorded'), {
    actual: paid?.state,
    expected: 'PAID',
  });
  harness.tell({ type: 'scene', title: words('攻击：把钱转出去', 'Attack: take money out') });
  await each(moneyOut(harness, no));
}

/** Why prices must not come from the client: without preparation 1 fen is a valid order. */
export async function runUnprepared(harness: Harness, tally: Tally): Promise<void> {
  const expect = expecter(harness, tally);
  const no = 'TEA_ONE_FEN_1';
  const title = words('反例：客户端自定价格', 'A client sets its own price');
  harness.tell({ type: 'scene', title });
  harness.receiver.price(no, PRICE_FEN);
  const body = { description: TEA, amount: { total: 1 } };
  await placeOrder(harness, no, body, words('', '', `¥${yuan(1)}`));
  payAsPayer(harness, no);
  await harness.deliver({ kind: 'payment', no });
  const paid = await harness.look('order', no);
  expect(words('1 分钱也是“已支付”', 'one fen is "paid", too'), {
    actual: paid?.state,
    expected: 'PAID',
  });
  await harness.sweep();
  await harness.look('order', no);
  expect(words('只有商家自己比对金额才能拦下', 'only the shop’s own comparison stops it'), {
    actual: harness.receiver.received.find((e) => e.subject === no && e.type === 'order.paid')
      ?.decision,
    expected: 'hold',
  });
}
