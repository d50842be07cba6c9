/** docs/partner.md says the truth: its requests are accepted, its replies and effects are what the service gives. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPartner, startProvider } from '../helpers/partner';
import { cutAs, play, stepsOf } from '../helpers/productPages';
import { handClock } from '../helpers/service';

const NOW = Date.parse('2026-01-02T10:00:00+08:00');
const page = readFileSync(join(__dirname, '../../docs/partner.md'), 'utf8');

test('the page shows what is sent and what comes back', async () => {
  const sim = await startProvider({ nowMs: NOW, frozen: true });
  const clock = handClock(NOW);
  const run = await startPartner({ sim, clock });
  const { answers, calls } = await play(stepsOf(page), { sim, run, clock });
  expect(answers.size).toBe(3);
  for (const [{ step }, answer] of answers) {
    if (step.kind !== 'reply' && step.kind !== 'effect') throw new Error(step.kind);
    const told = JSON.parse(step.sample) as unknown;
    const sample = step.kind === 'reply' ? [step.status, told] : told;
    const actual = cutAs(sample, answer);
    // The refund's reply is shown in part.
    if (JSON.stringify(told).includes('out_refund_no'))
      expect(actual).toMatchObject(sample as object);
    else expect(actual).toEqual(sample);
  }
  expect(calls.map(([name]) => name)).toEqual(['wx.requestPayment']);
});
