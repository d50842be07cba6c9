/**
 * The operator's page in a real browser, from the built package beside a simulated WeChat Pay: a clerk collects by code
 * picture, finds the order, sees how each step was proven, refunds with the key typed again, and reconciles the day.
 * Nothing is loaded from elsewhere, nothing breaks the page's policy, axe finds no fault, the keyboard is enough.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { builtOnce, ROOT } from '../helpers/build';
import { ask, freePort, startProcess } from '../helpers/core';
import { until } from '../helpers/waiting';

const CHROMIUM = '/usr/bin/chromium';
const present = existsSync(CHROMIUM);
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-sync',
];
const AXE = readFileSync(join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** What axe finds, and by how many pixels the page is wider than the screen. */
const FAULTS = `axe.run().then(({ violations }) => ({
  violations: violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]),
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}))`;
const PAGES = ['/', '/records', '/collect', '/transfer', '/reconcile', '/effects', '/health'];

if (!present) {
  process.stderr.write(`SKIPPED console: no browser at ${CHROMIUM}\n`);
  test('a browser is there to drive the page, in CI', () => {
    expect(process.env['CI']).toBeUndefined();
  });
}

interface Stack {
  readonly url: string;
  readonly phone: string;
  readonly key: string;
  readonly readKey: string;
  readonly stop: () => Promise<void>;
}

/** `pay-common dev` of the built package, in a folder of its own. */
async function startStack(): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-console-'));
  const [port, simPort, phonePort] = [await freePort(), await freePort(), await freePort()];
  let output = '';
  const ports = ['--port', `${port}`, '--sim-port', `${simPort}`, '--phone-port', `${phonePort}`];
  const { child, ended } = startProcess({
    args: [join(builtOnce(), 'cli.js'), 'dev', ...ports],
    cwd: folder,
    env: {},
    onText: (text) => (output += text),
  });
  await until('the local stack is up', () => output.includes('effects:'), 20);
  const keys = /^operatorKeys="([^,]+),read:([^"]+)"$/m.exec(
    readFileSync(join(folder, '.env.local'), 'utf8'),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    phone: `http://127.0.0.1:${phonePort}`,
    key: keys?.[1] ?? '',
    readKey: keys?.[2] ?? '',
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

(present ? describe : describe.skip)('the console in Chromium', () => {
  let stack: Stack;
  let browser: Browser;
  const outside: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    stack = await startStack();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  afterAll(async () => {
    await browser.close();
    await stack.stop();
  });

  afterEach(() => {
    expect({ errors: errors.splice(0), outside: outside.splice(0) }).toEqual({
      errors: [],
      outside: [],
    });
  });

  async function open(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await browser.newPage({ locale: 'en-US', ...options });
    page.on('request', (request) => {
      if (!request.url().startsWith(stack.url)) outside.push(request.url());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (line) => {
      // A refused key is meant to be refused, and a number may lead nowhere.
      if (line.type() === 'error' && !/\b(401|404)\b/.test(line.text())) errors.push(line.text());
    });
    await page.goto(`${stack.url}/console`);
    return page;
  }

  async function signIn(page: Page, key = stack.key): Promise<void> {
    await page
      .getByLabel(/Operator key|运营密钥/)
      .first()
      .fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('navigation').waitFor();
  }

  const go = async (page: Page, path: string): Promise<void> => {
    await page.evaluate(`location.hash = ${JSON.stringify(path)}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  };

  const act = (body: Record<string, unknown>) =>
    ask({
      method: 'POST',
      url: `${stack.phone}/act`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  async function place(no: string, fen: number): Promise<void> {
    const order = { out_trade_no: no, description: '龙井茶', amount: { total: fen } };
    const answer = await ask({
      method: 'POST',
      url: `${stack.url}/wx-pay/wxpay_order`,
      headers: {
        'content-type': 'application/json',
        'x-wx-openid': 'oLocalPayer00000000000000001',
      },
      body: JSON.stringify(order),
    });
    expect(answer.status).toBe(200);
    expect((await act({ act: 'pay', no })).status).toBe(200);
  }

  test('collects by code picture, follows the payment, refunds, reconciles', async () => {
    const page = await open();
    await signIn(page);
    await go(page, '/collect');
    await page.getByLabel('Description').fill('Longjing tea');
    await page.getByLabel('Amount (yuan)').fill('12.50');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('img', { name: 'Scan with WeChat to pay' }).waitFor();
    const link = page.locator('.code a');
    const no = (await link.textContent()) ?? '';
    expect((await act({ act: 'pay', no })).status).toBe(200);
    await page.locator('.code [data-state=PAID]').waitFor();

    await link.click();
    await page.getByText('WeChat Pay’s callback · signature', { exact: true }).waitFor();
    await page.getByLabel('Amount to refund (yuan)').fill('2.5');
    await page.getByLabel('Reason (the payer sees it)').fill('one cup was cold');
    await page.getByRole('button', { name: 'Refund', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    // Neither was typed: nothing is sent.
    await dialog.getByText('It differs from the amount above').waitFor();
    await dialog.getByText('It differs from the key you signed in with').waitFor();
    await dialog.getByLabel('The amount again (yuan)').fill('2.50');
    await dialog.getByLabel('The operator key again').first().fill(stack.key);
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.waitFor({ state: 'detached' });
    await until(
      'the refund is seen',
      async () => {
        await page.getByRole('button', { name: 'Ask WeChat Pay' }).click();
        return (await page.locator('[data-state=PARTIALLY_REFUNDED]').count()) > 0;
      },
      50,
    );
    expect(await page.locator('.timeline').textContent()).toContain('refund succeeded');

    // The same amount once more is another refund, under a number of its own.
    await page.getByLabel('Amount to refund (yuan)').fill('2.5');
    await page.getByRole('button', { name: 'Refund', exact: true }).click();
    await dialog.getByLabel('The amount again (yuan)').fill('2.50');
    await dialog.getByLabel('The operator key again').first().fill(stack.key);
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.waitFor({ state: 'detached' });
    const refundNumbers = page.getByRole('region', { name: 'Refunds' }).locator('td.number');
    await until('both refunds are shown', async () => (await refundNumbers.count()) === 2, 50);
    expect(new Set(await refundNumbers.allTextContents()).size).toBe(2);

    await go(page, '/reconcile');
    const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
    await page.getByLabel('Day of the bill').fill(today);
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('No differences').waitFor();
    await page.close();
  });

  test('a number leads to its record: of an order, and of its refund', async () => {
    await place('FIND00001', 900);
    const page = await open();
    await signIn(page);
    await go(page, '/records');
    const field = page.getByLabel(/Find a number/);
    await field.fill('NOBODY01');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('No record has this number').waitFor();
    await field.fill('FIND00001');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'FIND00001' }).waitFor();
    await page.close();
  });

  test('a wrong key is refused, and a reading key cannot move money', async () => {
    await place('READ00001', 700);
    const page = await open();
    const field = page.getByLabel('Operator key').first();
    await field.fill('x'.repeat(40));
    await page.keyboard.press('Enter');
    await page.getByText('This key is not valid').waitFor();
    await field.fill(stack.readKey);
    await page.keyboard.press('Enter');
    await page.getByRole('navigation').waitFor();
    await go(page, '/records/order/READ00001');
    await page.getByRole('button', { name: 'All that is left' }).click();
    await page.getByRole('button', { name: 'Refund', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('The amount again (yuan)').fill('7.00');
    await dialog.getByLabel('The operator key again').first().fill(stack.readKey);
    errors.length = 0;
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.getByRole('alert').getByText('FORBIDDEN').waitFor();
    expect(errors.splice(0).every((line) => line.includes('403'))).toBe(true);
    await page.close();
  });

  test('the key is in memory alone: nothing is stored, and a reload signs out', async () => {
    const page = await open();
    await signIn(page);
    const kept = await page.evaluate(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    );
    expect(kept).not.toContain(stack.key);
    expect(page.url()).not.toContain(stack.key);
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.close();
  });

  test('a whole visit by keyboard: sign in, records, one record, its refund', async () => {
    await place('KEYS00001', 800);
    const page = await open();
    // The field has the focus at first.
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.keyboard.type(stack.key);
    await page.keyboard.press('Enter');
    await page.getByRole('navigation').waitFor();
    const reach = async (name: string): Promise<void> => {
      for (let i = 0; i < 60; i += 1) {
        const text = await page.evaluate<string>("document.activeElement?.textContent ?? ''");
        if (text.trim() === name) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`the keyboard does not reach ${name}`);
    };
    await reach('Records');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'KEYS00001' }).waitFor();
    await reach('KEYS00001');
    await page.keyboard.press('Enter');
    await reach('All that is left');
    await page.keyboard.press('Enter');
    await reach('Refund');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.close();
  });

  describe.each([
    ['en-US', 'light', 1280],
    ['zh-CN', 'dark', 1280],
    ['zh-CN', 'light', 360],
    ['en-US', 'dark', 360],
  ] as const)('%s, %s, %d px', (locale, colorScheme, width) => {
    test('axe finds no fault, and nothing is wider than the screen', async () => {
      await place(`AXE${locale.slice(0, 2)}${colorScheme}${width}`, 600);
      const page = await open({ locale, colorScheme, viewport: { width, height: 800 } });
      await page.getByRole('button', { name: /Sign in|登录/ }).waitFor();
      const check = async (path: string): Promise<void> => {
        // By the debugger, which no policy of the page stops.
        await page.evaluate(AXE);
        const found = await page.evaluate<object>(FAULTS);
        expect({ path, ...found }).toEqual({ path, violations: [], wider: 0 });
      };
      await check('sign-in');
      await signIn(page);
      for (const path of [
        ...PAGES,
        `/records/order/AXE${locale.slice(0, 2)}${colorScheme}${width}`,
      ]) {
        await go(page, path);
        await page.getByRole('img', { name: 'loading' }).waitFor({ state: 'detached' });
        await page.waitForLoadState('networkidle');
        await check(path);
      }
      await page.close();
    });
  });

  test('its files are served with a policy of their own, and by their names alone', async () => {
    const page = await ask({ method: 'GET', url: `${stack.url}/console/` });
    expect(page.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(page.headers['cache-control']).toBe('no-store');
    for (const path of ['assets/..%2Findex.html', 'assets/%2e%2e/index.html', '../server.js']) {
      const url = `${stack.url}/console/`;
      const answer = await ask({ method: 'GET', url, path: `/console/${path}` });
      expect([path, answer.status]).toEqual([path, 404]);
    }
  });
});
