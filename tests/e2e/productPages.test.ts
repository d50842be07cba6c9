/**
 * The pages of docs/products say the truth: each request is accepted, each reply and effect is what the service gives, and
 * the code of the client runs on it. Where one differs, the difference shows what the page has to say.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cutAs, play, stepsOf, type Played } from '../helpers/productPages';
import { handClock, startService, startSim } from '../helpers/service';

const FOLDER = join(__dirname, '../../docs/products');
const NOW = Date.parse('2026-01-02T10:00:00+08:00');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const pages = readdirSync(FOLDER).filter((name) => name !== 'README.md');

async function played(name: string): Promise<Played> {
  const sim = await startSim({ nowMs: NOW, frozen: true });
  const clock = handClock(NOW);
  const run = await startService({ sim, clock });
  return play(stepsOf(read(name)), { sim, run, clock });
}

describe.each(pages)('docs/products/%s', (name) => {
  it('shows what is sent and what comes back', async () => {
    const { answers } = await played(name);
    expect(answers.size).toBeGreaterThan(0);
    for (const [{ step }, answer] of answers) {
      if (step.kind !== 'reply' && step.kind !== 'effect') throw new Error(step.kind);
      const told = JSON.parse(step.sample) as unknown;
      const sample = step.kind === 'reply' ? [step.status, told] : told;
      expect(cutAs(sample, answer)).toEqual(sample);
    }
  });

  it('hands whole parameters to the client', async () => {
    const { calls } = await played(name);
    const clients = stepsOf(read(name)).filter(({ step }) => step.kind === 'client');
    expect(calls).toHaveLength(clients.length);
    for (const [called, given] of calls) {
      const values = typeof given === 'object' && given !== null ? Object.values(given) : [given];
      expect([called, values]).toEqual([called, values.map(() => expect.anything() as unknown)]);
      expect(String(values)).not.toContain('undefined');
    }
  });

  it('is written in both languages, and stands in the list', () => {
    expect(read(name)).toMatch(/^## 中文$/m);
    expect(read('README.md')).toContain(`(${name})`);
  });
});

it('a sample that cuts nothing must be equal, and one that cuts must agree with the rest', () => {
  expect(cutAs({ a: 'wx…' }, { a: 'wx12' })).toEqual({ a: 'wx…' });
  expect(cutAs({ a: 'wx…' }, { a: 'wy12' })).toEqual({ a: 'wy12' });
  expect(cutAs({ a: 'wx…' }, { a: 'wx12', b: 1 })).toEqual({ a: 'wx…', b: 1 });
  expect(cutAs({ a: 'wx' }, { a: 'wx12' })).toEqual({ a: 'wx12' });
});
