/** `npm run attack`, with a few requests of each kind: it runs as a whole, and no money moves. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { floodsOf } from '../../scripts/attack/volleys';
import { createSimulator } from '../../simulator';

const ROOT = join(__dirname, '../..');
const TSX = join(ROOT, 'node_modules/tsx/dist/cli.mjs');

function run(...args: string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn(process.execPath, [TSX, 'scripts/attackDay.ts', ...args], { cwd: ROOT });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, text }));
  });
}

test('every flood in both signing modes: no money moves, and the shop is told all, once', async () => {
  const simulator = await createSimulator();
  const floods = floodsOf(simulator, { open: ['OPEN1'], paid: ['PAID1'], prepared: ['PREP1'] });
  await simulator.close();
  const { code, text } = await run('--smoke');
  expect(text).toContain('通过 PASS');
  expect(code).toBe(0);
  for (const mode of ['sdk', 'gateway']) {
    expect(text).toMatch(new RegExp(`^${mode}: [1-9]\\d* orders paid, 0 effects lost$`, 'm'));
    for (const { name } of floods)
      expect(text).toMatch(new RegExp(`^${mode} +${name} +[1-9]`, 'm'));
  }
});
