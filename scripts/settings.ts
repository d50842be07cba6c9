/**
 * Writes what is made from the list of settings: `.env.example`, the variables of `cloudbaserc.json`, `docs/settings.md`,
 * and, with the codes of their faults, `docs/doctor.md`. `tsx scripts/settings.ts`; a test fails when one is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS, type Setting } from '../config/schema';
import { doctorPage } from './doctor';

const root = join(__dirname, '..');
const settings: readonly Setting[] = SETTINGS;

/** Of these a line waits to be filled in. */
const WRITTEN: ReadonlySet<string> = new Set(['always', 'pair', 'v3']);

function exampleEntry(setting: Setting): string {
  const { name, zh, en, fallback, required } = setting;
  const line =
    required !== undefined && WRITTEN.has(required) ? `${name}=` : `# ${name}=${fallback ?? ''}`;
  return `# ${zh}\n# ${en}\n${line}\n`;
}

export function envExample(): string {
  const head = [
    '# cp .env.example .env，填好后运行 npm run build && npm start；空值等于没有设置',
    '# cp .env.example .env, fill it in, npm run build && npm start; an empty value counts as absent',
    '# PEM 可写成一行，换行写作 \\n / a PEM may stand on one line, its line ends written as \\n',
    '',
    '',
  ];
  return head.join('\n') + settings.map(exampleEntry).join('\n');
}

export function cloudbaseRc(): string {
  const own = settings.filter(({ byPlatform }) => byPlatform !== true);
  const envVariables = Object.fromEntries(own.map(({ name }) => [name, `{{env.${name}}}`]));
  const rc = {
    version: '2.0',
    envId: '{{env.TCB_ENV_ID}}',
    functionRoot: './',
    functions: [
      {
        name: 'pay-common',
        type: 'HTTP',
        runtime: 'Nodejs18.15',
        handler: 'index.main',
        timeout: 30,
        memorySize: 256,
        dir: './dist',
        installDependency: false,
        ignore: [
          '**/.env*',
          '**/*.pem',
          '**/*.p12',
          '**/.git/**',
          '**/*.db*',
          '**/node_modules/**',
          '**/*.v8',
        ],
        envVariables,
      },
    ],
  };
  return `${JSON.stringify(rc, null, 2)}\n`;
}

const REQUIRED = { always: '✓', pair: '✓ *', scf: '✓ SCF', v3: '✓', v2: '✓ v2' } as const;

export function settingsPage(): string {
  const rows = settings.map((setting) => {
    const { name, required, fallback, secret, zh, en } = setting;
    const cells = [
      `\`${name}\``,
      required === undefined ? '' : REQUIRED[required],
      fallback === undefined ? '' : `\`${fallback}\``,
      secret === true ? '✓' : '',
      `${zh}<br>${en}`,
    ];
    return `| ${cells.map((cell) => cell.replace(/\|/g, '\\|')).join(' | ')} |`;
  });
  return [
    '# 配置 / Settings',
    '',
    'Made by `npx tsx scripts/settings.ts` from `config/schema.ts`; do not edit by hand.',
    '',
    '| 名称 Name | 必填 Required | 默认 Default | 机密 Secret | 含义 Meaning |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    '✓ v2：`signMode=v2` 时必填；此时只有 API v3 用的密钥、序列号与私钥可以不填。',
    'Required with `signMode=v2`, where the key, serial and private key of API v3 may be left out.',
    '',
    '\\* 两项同填或同不填；都不填时使用微信支付平台证书。',
    'Both or neither; with neither, platform certificates are used.',
    '',
  ].join('\n');
}

/** File → what it should hold. */
export const generated = (): ReadonlyMap<string, string> =>
  new Map([
    ['.env.example', envExample()],
    ['cloudbaserc.json', cloudbaseRc()],
    ['docs/settings.md', settingsPage()],
    ['docs/doctor.md', doctorPage()],
  ]);

if (require.main === module) {
  for (const [name, text] of generated()) {
    const file = join(root, name);
    let before = '';
    try {
      before = readFileSync(file, 'utf8');
    } catch {
      // Not written yet.
    }
    if (before !== text) writeFileSync(file, text);
    process.stdout.write(`${name}: ${before === text ? 'unchanged' : 'written'}\n`);
  }
}
