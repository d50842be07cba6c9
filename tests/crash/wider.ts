/** What is neither an order nor its refund: money paid out, and several orders paid at once. */
import type { CombinationRecord, StoredRecord, TransferRecord } from '../../services/ledger/record';
import type { Random } from './random';
import { refund, refuseOthers, until } from './shop';
import type { World } from './world';
import { payerOf } from './world';

export interface WiderPlan {
  readonly no: string;
  /** false: WeChat never calls, and the sweep must ask. */
  readonly told: boolean;
  /** Of a combination: what goes back of its first part. Of a transfer: never. */
  readonly refundFen: number;
}

export const widerPlanOf = (no: string, random: Random): WiderPlan => ({
  no,
  told: random.chance(0.7),
  refundFen: random.chance(0.4) ? 30 : 0,
});

const TRANSFER_FEN = 30;
const PARTS_FEN = [60, 40] as const;
const partOf = (no: string, i: number): string => `${no}P${String(i)}`;

/** An operator asks until WeChat has it; the user presses the button on his phone. */
export async function liveTransfer(world: World, { no, told }: WiderPlan): Promise<void> {
  await until(`transfer ${no}`, async () => {
    const reply = await world.operate('wxpay_transfer', {
      out_bill_no: no,
      transfer_scene_id: '1000',
      openid: payerOf(no),
      transfer_amount: TRANSFER_FEN,
      transfer_remark: '活动奖励',
      transfer_scene_report_infos: [
        { info_type: '活动名称', info_content: '新会员有礼' },
        { info_type: '奖励说明', info_content: '注册奖励' },
      ],
    });
    refuseOthers(`transfer ${no}`, reply);
    return world.sim.transfer(no)?.['state'] === 'WAIT_USER_CONFIRM';
  });
  world.sim.confirmTransfer(no);
  if (told) await until(`transfer callback ${no}`, () => world.notifyAll('transfer', no));
}

/** The Mini Program asks until it can pay both parts at once. */
export async function liveCombination(world: World, plan: WiderPlan): Promise<void> {
  const { no, told, refundFen } = plan;
  await until(`combination ${no}`, async () => {
    const reply = await world.any().call(
      'POST',
      '/wx-pay/wxpay_order_combine',
      {
        type: 'jsapi',
        combine_out_trade_no: no,
        sub_orders: PARTS_FEN.map((total_amount, i) => ({
          out_trade_no: partOf(no, i),
          description: `子单 ${String(i)}`,
          amount: { total_amount, currency: 'CNY' },
        })),
      },
      { 'x-wx-openid': payerOf(no) },
    );
    refuseOthers(`combination ${no}`, reply);
    return reply.status === 200;
  });
  world.sim.pay(no);
  if (told) await until(`payment callback ${no}`, () => world.notifyAll('payment', no));
  if (!told || refundFen === 0) return;
  const wish = { no: partOf(no, 0), refundNo: `${no}R`, fen: refundFen, totalFen: PARTS_FEN[0] };
  await refund(world, { ...wish, told });
}

type Faults = string[];

/** Effects in the order in which their facts happened; `order.created` where the prepay was heard of. */
function judgeTypes(record: StoredRecord, wanted: readonly string[], faults: Faults): void {
  const types = record.effects.map(({ type }) => type).filter((type) => type !== 'order.created');
  if (types.join(' ') === wanted.join(' ')) return;
  faults.push(`${record.no}: effects are [${types.join(' ')}], should be [${wanted.join(' ')}]`);
}

export function judgeTransfer(world: World, record: TransferRecord, faults: Faults): void {
  const { no, state } = record;
  const there = world.sim.transfer(no);
  if (state !== 'SUCCESS' || there?.['state'] !== 'SUCCESS') {
    faults.push(`${no}: transfer ${state} here, ${String(there?.['state'])} at WeChat`);
  }
  if (record.transfer_bill_no !== there?.['transfer_bill_no']) faults.push(`${no}: bill number`);
  judgeTypes(record, ['transfer.accepted', 'transfer.succeeded'], faults);
}

export function judgeCombination(world: World, record: CombinationRecord, faults: Faults): void {
  const { no, state, sub_orders } = record;
  for (const { out_trade_no, payment, refunds } of sub_orders) {
    const there = world.sim.order(out_trade_no);
    const same = payment?.transaction_id === there?.['transaction_id'];
    if (payment === undefined || !same) faults.push(`${out_trade_no}: payment`);
    const given = world.sim.refunds().filter((one) => one['out_trade_no'] === out_trade_no);
    const back = given.map((one) => (one['amount'] as { refund: number }).refund);
    if (back.reduce((a, b) => a + b, 0) > (payment?.total ?? 0)) {
      faults.push(`${out_trade_no}: more refunded than paid`);
    }
    if (refunds.some(({ status }) => status !== 'SUCCESS') || refunds.length !== given.length) {
      faults.push(`${out_trade_no}: refunds differ`);
    }
  }
  const refunds = sub_orders.flatMap((sub) => sub.refunds);
  const wanted = refunds.length === 0 ? 'PAID' : 'PARTIALLY_REFUNDED';
  if (state !== wanted) faults.push(`${no}: is ${state}, should be ${wanted}`);
  const back = refunds.flatMap(() => ['refund.requested', 'refund.succeeded']);
  judgeTypes(record, ['order.paid', ...back], faults);
}
