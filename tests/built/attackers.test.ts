/**
 * Six attackers against the service as it is built and deployed, over real HTTP, in both signing modes, inside the
 * platform's marks and without: no money moves, no record changes, nothing is learned, and genuine traffic
 * passes before, between and after.
 */
import '../security/support/built';
import { keyHolders, others, payers, strangers, type Attack } from '../security/support/attacks';
import { DOORS, forgeries } from '../security/support/forgeries';
import { startBetween, type Asked, type Between, type Said, type Trick } from '../helpers/between';
import { REPLAYS, tricksOf } from '../security/support/mitm';
import * as scene from '../security/support/scene';
import {
  orderBody,
  PAYER,
  refundBody,
  startStage,
  transferBody,
  type Answer,
  type Stage,
} from '../security/support/stage';

const SCF = { TENCENTCLOUD_RUNENV: 'SCF', SCF_RUNTIME: 'Nodejs18.15' };
const VARIANTS = [
  ['sdk', {}],
  ['gateway', {}],
  ['sdk', SCF],
  ['gateway', SCF],
] as const;

/** Where he says he asks, WeChat may be asked, and the record remembers when: that, and nothing else. */
const withoutMarks = (dump: string): string =>
  dump.replace(/,?"(last_hint_at|version|updated_at|due_at)":\d+/g, '');

/** Where two long texts part, with enough around it to know what it is. */
function firstChange(before: string, after: string): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  const around = (text: string): string => text.slice(Math.max(0, at - 300), at + 200);
  return `\n- ${around(before)}\n+ ${around(after)}`;
}

describe.each(VARIANTS)('signMode=%s, marks %j', (signMode, marks) => {
  let stage: Stage;
  let mitm: Between;
  let facts: scene.Facts;
  let served = 0;

  const pass = (): Promise<void> => {
    served += 1;
    return scene.genuine(stage, signMode, `G2026010200${String(served).padStart(4, '0')}`);
  };

  beforeAll(async () => {
    mitm = await startBetween();
    const env = { signMode, ...marks, ordersPerMinute: '1000000', openOrdersMax: '1000' };
    stage = await startStage({ env, baseUrl: () => mitm.url });
    mitm.target = stage.simulator.url;
    await pass();
    facts = await scene.setScene(stage);
  });
  afterAll(async () => {
    await stage.close();
    await mitm.close();
  });

  /** Whatever is done in between leaves every record and all the money as they were. */
  async function unmoved(run: () => Promise<void>, told = (dump: string) => dump): Promise<void> {
    const state = async (): Promise<string> => told(await stage.dump()) + scene.ledger(stage);
    const before = await state();
    await run();
    const after = await state();
    if (after !== before) throw new Error(`it changed: ${firstChange(before, after)}`);
  }

  function learnsNothing(answer: Answer, secrets: readonly string[] = facts.secrets): void {
    const all = answer.text + JSON.stringify(answer.headers);
    expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
  }

  const attacked = async ([name, shots]: Attack, secrets = facts.secrets): Promise<void> => {
    const answers = await Promise.all(shots.map((s) => stage.call(s.path, s.body, s.o)));
    answers.forEach((answer, n) => {
      const { status } = answer;
      const refused = status >= 400 && status < 500;
      expect({ name, shot: shots[n], status, refused }).toMatchObject({ refused: true });
      if (answer.text !== '') expect(answer.json).toMatchObject({ code: -1, data: null });
      learnsNothing(answer, secrets);
    });
  };

  const genuinePasses = (): void => {
    test('genuine traffic passes', pass);
  };
  genuinePasses();

  test.each(strangers())('a stranger with %s', async (...attack) => {
    const asked = stage.simulator.requests.length;
    await unmoved(() => attacked(attack));
    expect(stage.simulator.requests).toHaveLength(asked);
  });

  genuinePasses();

  test.each(keyHolders())('an operator with %s', async (...attack) => {
    await unmoved(() => attacked(attack));
  });

  genuinePasses();

  test.each(payers())('a plain user %s', async (...attack) => {
    const his = [PAYER, scene.TEXT];
    await unmoved(() =>
      attacked(
        attack,
        facts.secrets.filter((secret) => !his.includes(secret)),
      ),
    );
  });

  genuinePasses();

  test('another user, who knows every number', async () => {
    for (const attack of others(facts)) await unmoved(() => attacked(attack));
  });

  genuinePasses();

  test('a forger of callbacks, at every door', async () => {
    const all = forgeries(stage.simulator, facts);
    for (const { name, kind, hint, message } of all) {
      const run = async (): Promise<void> => {
        const { body: raw, headers = {} } = message;
        const answers = await Promise.all(
          DOORS.map((door) => stage.call(door, undefined, { raw, headers })),
        );
        answers.forEach((answer, n) => {
          // A hint may be genuine: where a bound of ours stops it, its sender is to come again.
          const refused = answer.status >= 400 && answer.status < (hint ? 504 : 500);
          const door = DOORS[n];
          expect({ name, kind, door, refused, text: answer.text }).toMatchObject({ refused: true });
          expect(answer.json.code).not.toBe('SUCCESS');
          learnsNothing(answer);
        });
      };
      await unmoved(run, hint ? withoutMarks : undefined);
    }
  });

  genuinePasses();

  describe('a man in the middle of the way to WeChat', () => {
    const fresh = new Map<string, Said>();
    const kindOf = ({ path }: Asked): string => /refund|transfer-bills|pay/.exec(path)?.[0] ?? '';
    const all = tricksOf({
      // Every code in both modes; where only the marks differ, those that say "not found" and "later".
      refusalsMax: marks === SCF ? 8 : 100,
      serial: () => stage.simulator.credentials.wxPayPublicKeyId,
      now: () => stage.simulator.clock.now(),
      fresh: (asked) => fresh.get(kindOf(asked)),
    });
    const names = all.map(([name]) => name);
    const marks3 = names.map((_name, n) => `M${String(n).padStart(3, '0')}`);
    const each = <T>(run: (mark: string) => Promise<T>): Promise<T[]> =>
      Promise.all(marks3.map(run));
    const falls = (asked: Asked): Trick | undefined => {
      const mark = /M(\d{3})/.exec(`${asked.path} ${asked.body.toString()}`)?.[1];
      return mark === undefined ? undefined : all[Number(mark)]?.[1];
    };

    const reads = (mark: string): readonly Promise<Answer>[] => [
      stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: `OPEN${mark}` }),
      stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: `PAID${mark}` }),
      stage.asOperator('wxpay_refund_query', { out_refund_no: `R1${mark}` }),
      stage.asOperator('wxpay_transfer_bill_query', { out_bill_no: `B1${mark}` }),
    ];
    const writes = (mark: string): readonly Promise<Answer>[] => [
      stage.asPayer('wxpay_order', orderBody(`NEWS${mark}`)),
      stage.asOperator('wxpay_refund', refundBody(`PAID${mark}`, `R2${mark}`, 40)),
      stage.asOperator('wxpay_transfer', transferBody(`B2${mark}`)),
    ];
    const money = (mark: string): number =>
      stage.simulator
        .refunds()
        .filter((r) => r.out_trade_no === `PAID${mark}`)
        .reduce((sum, r) => sum + (r.amount as { refund: number }).refund, 0);

    beforeAll(async () => {
      await each(async (mark) => {
        await stage.paid(`PAID${mark}`);
        await stage.asPayer('wxpay_order', orderBody(`OPEN${mark}`));
        await stage.asOperator('wxpay_refund', refundBody(`PAID${mark}`, `R1${mark}`, 30));
        await stage.asOperator('wxpay_transfer', transferBody(`B1${mark}`));
      });
      mitm.choose = (asked) => async (_asked, forward) => {
        const said = await forward();
        fresh.set(kindOf(asked), said);
        return said;
      };
      await stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: scene.PAID });
      await stage.asOperator('wxpay_refund_query', { out_refund_no: scene.REFUND });
      await stage.asOperator('wxpay_transfer_bill_query', { out_bill_no: scene.TRANSFER });
      expect([...fresh.keys()].sort()).toEqual(['pay', 'refund', 'transfer-bills']);
      const replayed = new RegExp(marks3[names.indexOf(REPLAYS)] ?? 'none');
      const stale = { route: replayed, kind: 'stale_timestamp', times: 1000 } as const;
      stage.simulator.faults.add(stale);
      mitm.choose = falls;
    });

    test('whatever he answers to a question, nothing is learned from it', async () => {
      await unmoved(async () => {
        const answers = await each((mark) => Promise.all(reads(mark)));
        answers.flat().forEach((answer, n) => {
          const said = { trick: names[Math.floor(n / 4)], ask: n % 4, text: answer.text };
          expect({ ...said, failed: answer.status >= 400 }).toEqual({ ...said, failed: true });
          expect(answer.json.code).toBe(-1);
        });
      });
    });

    test('whatever he answers to an order, nothing is believed, nothing is done twice', async () => {
      const answers = await each((mark) => Promise.all(writes(mark)));
      answers.flat().forEach((answer, n) => {
        const [trick, ask] = [names[Math.floor(n / 3)], n % 3];
        const open = answer.status === 202 && ask > 0 && answer.text.includes('"PROCESSING"');
        const believed = !open && answer.status < 400;
        expect({ trick, ask, believed, text: answer.text }).toMatchObject({ believed: false });
      });
      const states = await each(async (mark) => {
        const [made, paid] = [await stage.order(`NEWS${mark}`), await stage.order(`PAID${mark}`)];
        const refund = paid?.refunds.find((r) => r.out_refund_no === `R2${mark}`);
        return [made?.state, refund?.status, (await stage.transfer(`B2${mark}`))?.state];
      });
      expect(states).toEqual(marks3.map(() => ['CREATED', 'REQUESTED', 'CREATED']));
      // The money is spoken for: another number for what is left of it is refused, whatever he says.
      const more = await each((mark) =>
        stage.asOperator('wxpay_refund', refundBody(`PAID${mark}`, `R3${mark}`, 40)),
      );
      expect(more.map((answer) => answer.json.error)).toEqual(marks3.map(() => 'REFUND_EXCEEDS'));
    });

    test('and when he is gone, all of it ends as it was asked, once', async () => {
      mitm.choose = () => undefined;
      const answers = await each((mark) => Promise.all(writes(mark)));
      expect(answers.flat().map((a) => a.status)).toEqual(marks3.flatMap(() => [200, 200, 200]));
      expect(marks3.map(money)).toEqual(marks3.map(() => 70));
      const sent = stage.simulator.transfers().filter((t) => String(t.out_bill_no).includes('B2M'));
      expect(sent).toHaveLength(marks3.length);
    });
  });

  genuinePasses();
});
