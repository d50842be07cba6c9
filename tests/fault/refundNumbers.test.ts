/** One refund number, two orders, at the same moment: one refund, and nothing of the other stays reserved. */
import {
  number,
  operator,
  placePaid,
  refundBody,
  startService,
  startSim,
  temporaryDatabase,
} from '../helpers/service';

test.each(['memory:', 'file:'])('a refund number raced by two orders on %s', async (scheme) => {
  const databaseUrl = scheme === 'memory:' ? scheme : temporaryDatabase();
  const sim = await startSim();
  const run = await startService({ sim, env: { databaseUrl } });
  for (let round = 0; round < 5; round++) {
    const orders = [number('A'), number('B')];
    for (const no of orders) await placePaid(run, sim, no);
    const its = number('R');
    const answers = await Promise.all(
      orders.map((no) => run.call('/wx-pay/wxpay_refund', refundBody(no, its, 40), operator())),
    );
    const statuses = answers.map((a) => a.status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 409]);
    const refused = answers.find((a) => a.status === 409);
    expect(refused?.body).toMatchObject({ error: 'REFUND_NUMBER_TAKEN' });
    const loser = orders[answers.findIndex((a) => a.status === 409)] ?? '';
    expect(await run.order(loser)).toMatchObject({ state: 'PAID' });
    // What the loser could refund before, it still can, under a number of its own.
    const whole = await run.call(
      '/wx-pay/wxpay_refund',
      refundBody(loser, number('R'), 100),
      operator(),
    );
    expect(whole.status).toBe(200);
  }
});
