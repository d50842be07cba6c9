/**
 * `npm run demo [-- --once]`: the loop as a timeline with a verdict, then a page to play with.
 * Without a terminal, or with `--once`, it ends after the loop: 0 = everything as expected, 1 = not.
 */
import { openPage } from './pageServer';
import { printer } from './print';
import { run } from './run';
import type { DemoEvent, Told } from './types';

const INTRO = `pay-common · 演示 demo
  模拟的微信支付 + 真实的服务（SQLite）：密钥自动生成，只用本机，不联网，不涉及真实资金
  A simulated WeChat Pay + the real service (SQLite): made-up keys, offline, no real money
  ◦ 要检查 to be checked   ✓ 已查实 found true   ▣ 写入记录 recorded   ✔ 符合期望 as expected
`;

const HINT = (url: string): string => `
  打开 open ${url}
  在网页上自己下单、支付、决定回调何时到来 · place orders, pay, decide when the callback comes
  Ctrl+C 结束 ends
`;

const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });

async function main(): Promise<void> {
  const once = process.argv.includes('--once') || !process.stdout.isTTY;
  const colours = process.stdout.isTTY && process.stdout.hasColors();
  const print = printer({ write: (text) => process.stdout.write(text), colours });
  const timeline: Told[] = [];
  const tell = (event: DemoEvent, atMs: number): void => {
    const told = { ...event, n: timeline.length, atMs };
    timeline.push(told);
    print(told);
  };
  process.stdout.write(INTRO);
  const verdict = await run(tell);
  tell({ type: 'verdict', ...verdict }, Date.now());
  if (!verdict.ok) process.exitCode = 1;
  if (once) return;
  const page = await openPage({ timeline });
  process.stdout.write(HINT(page.url));
  await untilStopped();
  await page.close();
}

main().then(undefined, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  process.exitCode = 1;
});
