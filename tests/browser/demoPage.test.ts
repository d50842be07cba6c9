/**
 * Drives the demo's page in a real browser: place, pay, see PAID, refund, see it refunded. Shows that the page
 * works without a network of its own, and that it holds neither a key nor a whole openid.
 */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { openPage, type Page as DemoPage } from '../../demo/pageServer';

const CHROMIUM = '/usr/bin/chromium';
const present = existsSync(CHROMIUM);
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

if (!present) {
  process.stderr.write(`SKIPPED demo page: no browser at ${CHROMIUM}\n`);
  test('a browser is there to drive the page, in CI', () => {
    expect(process.env['CI']).toBeUndefined();
  });
}

(present ? describe : describe.skip)('the demo page in Chromium', () => {
  let demo: DemoPage;
  let browser: Browser;
  let page: Page;
  const outside: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    demo = await openPage({ timeline: [] });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    page = await browser.newPage();
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(demo.url) && !url.startsWith('data:')) outside.push(url);
    });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (line) => {
      if (line.type() === 'error') errors.push(line.text());
    });
    await page.goto(demo.url);
  });

  afterAll(async () => {
    await browser.close();
    await demo.close();
  });

  const stateIs = (state: string): Promise<unknown> =>
    page
      .locator('#state')
      .filter({ hasText: new RegExp(`^${state}$`) })
      .waitFor();

  const idle = (): Promise<unknown> =>
    page.locator('body:not([data-busy="true"])').waitFor({ state: 'attached' });

  const click = async (selector: string): Promise<void> => {
    await idle();
    await page.click(selector);
    await idle();
  };

  test('an order is placed, paid by the payer, and refunded in two parts', async () => {
    await click('#place');
    await stateIs('PENDING');
    await click('#pay');
    await stateIs('PAID');
    expect(await page.textContent('#history')).toContain('验签');
    await click('#refund-part');
    await stateIs('PARTIALLY_REFUNDED');
    await click('#refund-rest');
    await stateIs('REFUNDED');
    expect(await page.textContent('#timeline')).toContain('REFUNDING → REFUNDED');
  });

  test('a callback that never comes is made good by a sweep', async () => {
    await page.selectOption('#when', 'never');
    await page.selectOption('#mode', 'gateway');
    await click('#place');
    await stateIs('PENDING');
    await click('#pay');
    await stateIs('PENDING');
    await click('[data-pass="1"]');
    await click('#sweep');
    await stateIs('PAID');
    await click('#sweep');
    expect(await page.textContent('#effects')).toContain('order.paid');
  });

  test('a callback that comes twice is recorded once, also as plaintext', async () => {
    await page.selectOption('#when', 'twice');
    await page.selectOption('#mode', 'plain');
    await click('#place');
    await click('#pay');
    await stateIs('PAID');
    const history = await page.locator('#history li').allTextContents();
    expect(history.filter((line) => line.includes('已支付'))).toHaveLength(1);
  });

  test('a transfer is confirmed by its receiver', async () => {
    await page.selectOption('#when', 'now');
    await page.selectOption('#mode', 'sdk');
    await click('#transfer');
    await stateIs('WAIT_USER_CONFIRM');
    await click('#confirm');
    await stateIs('SUCCESS');
  });

  test('attacks leave the record as it was', async () => {
    await click('#place');
    await stateIs('PENDING');
    for (const how of ['forge', 'refund', 'transfer']) await click(`[data-attack="${how}"]`);
    await stateIs('PENDING');
    const timeline = (await page.textContent('#timeline')) ?? '';
    expect(timeline).toContain('403 拒绝 FORBIDDEN');
    expect(timeline).toContain('401 拒绝 FAIL');
  });

  test('the language is switched, and stays', async () => {
    await page.click('[data-lang="en"]');
    expect(await page.textContent('#place')).toBe('Order');
    await page.reload();
    expect(await page.textContent('#place')).toBe('Order');
  });

  test('nothing is fetched from elsewhere, nothing fails, nothing secret is shown', async () => {
    const events = await page.evaluate(async (url) => {
      const reader = (await fetch(`${url}events`)).body?.getReader();
      const { value } = (await reader?.read()) ?? {};
      await reader?.cancel();
      return new TextDecoder().decode(value);
    }, demo.url);
    expect(events).toContain('"items"');
    for (const text of [events, await page.content()]) {
      expect(text).not.toMatch(
        /o[A-Za-z0-9_-]{27}|BEGIN [A-Z ]*KEY|paySign":"|whsec_|[0-9a-f]{48}/,
      );
    }
    expect(outside).toEqual([]);
    expect(errors).toEqual([]);
  });

  test('another site and another name for this address are refused', async () => {
    const act = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${demo.url}act/sweep`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    expect((await act({ origin: 'https://attacker.example' })).status).toBe(403);
    expect((await act({})).status).toBe(200);
  });
});
