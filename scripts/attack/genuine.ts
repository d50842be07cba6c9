/**
 * What goes on beside the attack: payers order and pay, WeChat tells of it, operators refund and transfer. Everything
 * that was really ordered is written down, so that whatever else moved was moved by somebody else.
 */
import type { NotificationKind, Simulator } from '../../simulator';
import { refuseOthers } from '../../tests/crash/shop';
import { dataOf, type Instance, type Json, type Reply } from '../../tests/crash/instance';
import { pause } from '../../tests/helpers/waiting';

export const OPERATOR_KEY = 'operator-key-of-the-attack-day-0123456789';
export const FEN = 100;
const REFUND_FEN = 30;
const TRANSFER_FEN = 50;
/** WeChat waits longer; here, another try is one more figure. */
const AGAIN_MS = 200;
/** Nobody is as patient as that: what is not done by then is lost. */
const PATIENCE_MS = 60_000;
const REFUND_EVERY = 4;
const TRANSFER_EVERY = 8;

export interface Books {
  /** What payers paid: number → fen. */
  readonly paid: Map<string, number>;
  /** What operators refunded: refund number → its order and the fen. */
  readonly refunds: Map<string, { readonly no: string; readonly fen: number }>;
  readonly transfers: Map<string, { readonly openid: string; readonly fen: number }>;
}

/** Of one phase. */
export interface Heard {
  /** Milliseconds that each genuine callback took to be answered, whatever the answer. */
  readonly waits: number[];
  /** Answers to genuine callbacks that were not 200: WeChat came again. */
  again: number;
  readonly troubles: string[];
}

export interface Genuine {
  readonly books: Books;
  /** So many flows a second, until `over`; resolves when all of them are through. */
  run(options: { perSecond: number; over: Promise<unknown>; flowsMax: number }): Promise<Heard>;
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`not done in ${PATIENCE_MS} ms: ${what}`);
    await pause(AGAIN_MS);
  }
}

const payerOf = (no: string): string => `oHonest_${no.padStart(20, '0').slice(-20)}`;

export function createGenuine(simulator: Simulator, instance: Instance): Genuine {
  const books: Books = { paid: new Map(), refunds: new Map(), transfers: new Map() };
  let made = 0;
  const operate = (name: string, body: Json): Promise<Reply> =>
    instance.call('POST', `/wx-pay/${name}`, body, { 'x-api-key': OPERATOR_KEY });

  async function tell(kind: NotificationKind, no: string, heard: Heard): Promise<void> {
    await until(`callback ${kind} ${no}`, async () => {
      const at = performance.now();
      const sent = await simulator.deliver(kind, no);
      heard.waits.push(performance.now() - at);
      if (sent.every(({ statusAnswered }) => statusAnswered === 200)) return true;
      heard.again += 1;
      return false;
    });
  }

  async function patiently(what: string, send: () => Promise<Reply>): Promise<Reply> {
    let reply: Reply = { status: 0, body: {} };
    const done = async (): Promise<boolean> => {
      reply = await send();
      refuseOthers(what, reply);
      return reply.status === 200;
    };
    await until(what, done);
    return reply;
  }

  async function refund(no: string, heard: Heard): Promise<void> {
    const out_refund_no = `R${no}`;
    books.refunds.set(out_refund_no, { no, fen: REFUND_FEN });
    const amount = { refund: REFUND_FEN, total: FEN };
    await patiently(`refund ${no}`, () =>
      operate('wxpay_refund', { out_trade_no: no, out_refund_no, amount }),
    );
    await tell('refund', out_refund_no, heard);
  }

  async function transfer(no: string, heard: Heard): Promise<void> {
    const out_bill_no = `B${no}`;
    const openid = payerOf(no);
    books.transfers.set(out_bill_no, { openid, fen: TRANSFER_FEN });
    await patiently(`transfer ${no}`, () =>
      operate('wxpay_transfer', {
        out_bill_no,
        transfer_scene_id: '1000',
        openid,
        transfer_amount: TRANSFER_FEN,
        transfer_remark: '活动奖励',
        transfer_scene_report_infos: [
          { info_type: '活动名称', info_content: '新会员有礼' },
          { info_type: '奖励说明', info_content: '注册奖励' },
        ],
      }),
    );
    simulator.confirmTransfer(out_bill_no);
    await tell('transfer', out_bill_no, heard);
  }

  async function flow(i: number, heard: Heard): Promise<void> {
    const no = `HONEST${String(i).padStart(6, '0')}`;
    const body = { out_trade_no: no, description: '测试商品', amount: { total: FEN } };
    const placed = await patiently(`order ${no}`, () =>
      instance.call('POST', '/wx-pay/wxpay_order', body, { 'x-wx-openid': payerOf(no) }),
    );
    if (dataOf(placed)['prepay_id'] === undefined) throw new Error(`${no}: no prepay_id`);
    simulator.pay(no);
    books.paid.set(no, FEN);
    await tell('payment', no, heard);
    if (i % REFUND_EVERY === 0) await refund(no, heard);
    if (i % TRANSFER_EVERY === 0) await transfer(no, heard);
  }

  return {
    books,
    async run({ perSecond, over, flowsMax }) {
      const heard: Heard = { waits: [], again: 0, troubles: [] };
      const flows: Promise<void>[] = [];
      const phase = { over: false };
      const end = (): void => {
        phase.over = true;
      };
      over.then(end, end);
      while (!phase.over && flows.length < flowsMax) {
        made += 1;
        const note = (error: unknown): void => void heard.troubles.push(String(error));
        flows.push(flow(made, heard).catch(note));
        await pause(1000 / perSecond);
      }
      await over;
      await Promise.all(flows);
      return heard;
    },
  };
}
