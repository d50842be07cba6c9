/** The reference in a real browser: whole, by keyboard, in both languages, and nothing is fetched or refused. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { openapiDocument } from '../../routes/documentedRoutes';
import { startHere, type Here } from '../helpers/core';

const CHROMIUM = '/usr/bin/chromium';
const ignore = (): void => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const present = existsSync(CHROMIUM);
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

if (!present) {
  process.stderr.write(`SKIPPED reference page: no browser at ${CHROMIUM}\n`);
  test('a browser is there to read the page, in CI', () => {
    expect(process.env['CI']).toBeUndefined();
  });
}

const { paths } = openapiDocument('0') as {
  paths: Record<string, Record<string, { readonly operationId: string }>>;
};
const IDS = Object.values(paths).flatMap((methods) =>
  Object.values(methods).map(({ operationId }) => operationId),
);

(present ? describe : describe.skip)('/docs in Chromium', () => {
  let here: Here;
  let browser: Browser;
  const faults: string[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    // Without any settings: anyone who sets it up reads it first.
    here = await startHere({ databaseUrl: 'memory:' }, { logger: SILENT });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  afterAll(async () => {
    await browser.close();
    await here.close();
  });

  async function open(width: number, locale = 'en-US', hash = ''): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height: 800 }, locale });
    const page = await context.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => faults.push(error.message));
    // What the policy refuses is written there, too.
    page.on('console', (line) => faults.push(line.text()));
    await page.goto(`${here.url}/docs${hash}`);
    return page;
  }

  const visible = (page: Page, text: string): Promise<boolean> =>
    page.getByText(text, { exact: true }).first().isVisible();

  test('every operation is listed, and opens and closes by keyboard', async () => {
    const page = await open(1280);
    const listed = await page.locator('nav a[href^="#"] code').allTextContents();
    expect(listed.sort()).toEqual([...IDS].sort());
    for (const id of IDS) {
      const section = page.locator(`#${id}`);
      await section.locator('summary').focus();
      await page.keyboard.press('Enter');
      expect(await section.getAttribute('open')).toBe('');
      await page.keyboard.press('Enter');
      expect(await section.getAttribute('open')).toBeNull();
    }
  });

  test('a link of the list opens what it names; the list is filtered', async () => {
    const page = await open(1280);
    await page.locator('#filter').fill('refund abnormal');
    expect(await page.locator('nav li code:visible').allTextContents()).toEqual([
      'wxpay_refund_abnormal',
    ]);
    await page.locator('#filter').press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('#wxpay_refund_abnormal[open]').waitFor();
    const field = page.locator('#wxpay_refund_abnormal').getByText('out_refund_no');
    expect(await field.first().isVisible()).toBe(true);
    await page.locator('#wxpay_refund_abnormal .failures a').first().click();
    expect(page.url()).toMatch(/#error-[A-Z_]+$/);
  });

  test('one language at a time: the browser’s own, or the one chosen', async () => {
    const page = await open(360, 'zh-CN', '#wxpay_order');
    expect(await visible(page, '调用者')).toBe(true);
    expect(await visible(page, 'Who may call')).toBe(false);
    await page.getByRole('button', { name: 'English' }).click();
    expect(await visible(page, 'Who may call')).toBe(true);
    expect(await visible(page, '调用者')).toBe(false);
  });

  test.each([360, 1280])('at %i px nothing stands beyond the edge', async (width) => {
    const page = await open(width);
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  });

  test('nothing else was fetched, and nothing was refused or failed', () => {
    const others = asked.filter((url) => !url.startsWith(`${here.url}/docs`) && url !== 'data:,');
    expect(others).toEqual([]);
    expect(faults).toEqual([]);
  });
});
