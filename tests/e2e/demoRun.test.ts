/** `npm run demo -- --once`, as a newcomer runs it: it ends by itself, says PASS, and shows nothing secret. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expecter } from '../../demo/expect';
import { printer } from '../../demo/print';
import { words, type DemoEvent } from '../../demo/types';

const ROOT = join(__dirname, '../..');
const TSX = join(ROOT, 'node_modules/tsx/dist/cli.mjs');

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

function runDemo(): Promise<Ended> {
  const child = spawn(process.execPath, [TSX, 'demo/demo.ts', '--once'], { cwd: ROOT });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, text }));
  });
}

test('the whole loop and the attacks end with PASS and exit code 0', async () => {
  const { code, text } = await runDemo();
  expect(text).toMatch(/结论 verdict: 通过 PASS · (\d+)\/\1 /);
  expect(code).toBe(0);
  for (const state of ['PAID', 'REFUNDING', 'PARTIALLY_REFUNDED', 'CLOSED', 'SUCCESS']) {
    expect(text).toContain(`→ ${state}  v`);
  }
  expect(text).not.toMatch(/o[A-Za-z0-9_-]{27}|BEGIN [A-Z ]*KEY|whsec_|[0-9a-f]{48}/);
  // Colours are for terminals.
  expect(text).not.toContain('\u001b[');
});

test('a miss says what was expected and what came, and counts', () => {
  const events: DemoEvent[] = [];
  const tally = { passed: 0, failed: 0 };
  const expectThat = expecter({ tell: (event) => void events.push(event) }, tally);
  expectThat(words('已支付', 'paid'), { actual: 'PENDING', expected: 'PAID' });
  expectThat(words('已支付', 'paid'), { actual: 'PAID', expected: 'PAID' });
  expect(tally).toEqual({ passed: 1, failed: 1 });
  let text = '';
  const print = printer({ write: (part) => (text += part), colours: false });
  events.forEach((event, n) => print({ ...event, n, atMs: 0 }));
  expect(text).toContain('✘ 已支付 paid');
  expect(text).toContain('期望 expected: PAID   实际 actual: PENDING');
});
