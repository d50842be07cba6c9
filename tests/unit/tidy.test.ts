/** Keeps the house: what is said in two places must agree, and nothing is left lying about. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { PLATFORM_VARIABLES, SETTINGS, type Setting } from '../../config/schema';
import { ALARMS } from '../../services/ledger/reasons';
import { generated } from '../../scripts/settings';
import { ERRORS } from '../../utils/errors';

const root = join(__dirname, '../..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const settings: readonly Setting[] = SETTINGS;
const names = settings.map(({ name }) => name);

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((name) => name !== '' && existsSync(join(root, name)));
const TEXT = /\.(ts|js|mjs|cjs|json|md|yaml|yml|html|css|sql|wxml|wxss|sh|example|svg)$/;
const texts = tracked.filter((name) => TEXT.test(name) || !/\.\w+$/.test(name));

describe('alarms', () => {
  it.each(Object.keys(ALARMS))('%s stands in docs/operations.md in both languages', (code) => {
    const rows = read('docs/operations.md').split('\n');
    const named = rows.filter((row) => row.startsWith('| `') && row.includes(`\`${code}\``));
    expect(named.map((row) => /[\u4e00-\u9fff]/.test(row)).sort()).toEqual([false, true]);
  });

  it('carry a code, wherever one is raised', () => {
    const sources = texts.filter((name) => /^(services|bin|routes|app)[/.].*ts$/.test(name));
    const bare = sources.flatMap((name) =>
      read(name)
        .split(/(?=\blogger\.error\()/)
        .filter((call) => /^logger\.error\([^;]*?alarm: true/.test(call))
        .filter(
          (call) => !/^logger\.error\([^;]*?(\bcode\b|\.\.\.fields|\.\.\.logFields)/.test(call),
        )
        .map(() => name),
    );
    expect(bare).toEqual([]);
  });
});

describe('settings', () => {
  it('are said once, with all that is asked of them', () => {
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, choices, range, fallback } of settings) {
      expect(name).toMatch(/^[A-Za-z]\w*$/);
      // Reserved by the platform: such a variable could not be set at all.
      expect(name).not.toMatch(/^(SCF_|QCLOUD_|TENCENTCLOUD_)/);
      expect(type === 'choice').toBe(choices !== undefined);
      expect(type === 'integer').toBe(range !== undefined);
      if (choices !== undefined) expect(choices).toContain(fallback);
    }
  });

  it.each([...generated()])('%s is made from them (npx tsx scripts/settings.ts)', (name, text) => {
    expect(read(name)).toBe(text);
  });

  it('stand in .env.example, each once, and nothing secret with a value', () => {
    const lines = [...read('.env.example').matchAll(/^(?:# )?(\w+)=(.*)$/gm)];
    expect(lines.map(([, name]) => name)).toEqual(names);
    for (const [, name, value] of lines) {
      const secret = settings.some((one) => one.name === name && one.secret && one.type !== 'url');
      if (secret) expect(value).toBe('');
    }
  });

  it('stand in cloudbaserc.json, but for those the platform gives', () => {
    const rc = JSON.parse(read('cloudbaserc.json')) as {
      functions: { envVariables: Record<string, string>; ignore: string[] }[];
    };
    const [fn] = rc.functions;
    const own = settings.filter(({ byPlatform }) => byPlatform !== true);
    expect(Object.keys(fn?.envVariables ?? {})).toEqual(own.map(({ name }) => name));
    for (const [name, value] of Object.entries(fn?.envVariables ?? {})) {
      expect(value).toBe(`{{env.${name}}}`);
    }
    expect(fn).toMatchObject({
      type: 'HTTP',
      runtime: 'Nodejs18.15',
      handler: 'index.main',
      dir: './dist',
      installDependency: false,
      timeout: 30,
    });
    expect(fn?.ignore).toEqual(expect.arrayContaining(['**/.env*', '**/*.pem']));
  });

  it('are the only variables the service reads', () => {
    const known = new Set<string>([...names, ...PLATFORM_VARIABLES]);
    const sources = tracked.filter((name) =>
      /^(app|bin|config|services|utils)\b.*\.ts$/.test(name),
    );
    for (const name of sources) {
      const found = [...read(name).matchAll(/process\.env(?:\.(\w+)|\[['"](\w+)['"]\])/g)];
      for (const [, dotted, quoted] of found) expect(known).toContain(dotted ?? quoted);
    }
  });
});

describe('the tests', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const foldersOf = (script: string): readonly string[] =>
    /^jest((?: tests\/\w+)+)$/
      .exec(scripts[script] ?? '')?.[1]
      ?.trim()
      .split(' ') ?? [];
  const apart = Object.keys(scripts).filter((name) => foldersOf(name).length === 1);
  const files = tracked.filter((name) => name.endsWith('.test.ts'));

  it.each(files)('%s is run by one script of its kind', (file) => {
    const by = apart.filter((script) => file.startsWith(`${foldersOf(script).join('')}/`));
    expect(by).toHaveLength(1);
    expect(by[0]).toBe(`test:${String(file.split('/')[1])}`);
  });

  it('need no server, no browser and no build for `npm test`; `.ci/run` runs all', () => {
    const quick = ['unit', 'contract', 'e2e', 'fault', 'security'];
    expect(foldersOf('test')).toEqual(quick.map((name) => `tests/${name}`));
    const far =
      /(?:from|import) '(?:[./\w]*\/)?(?:databases|privateServer|build|built|playwright-core)'/;
    const inQuick = (name: string) => quick.includes(String(name.split('/')[1]));
    expect(files.filter((name) => inQuick(name) && far.test(read(name)))).toEqual([]);
    expect(scripts['test:all']).toBe('LARGE=1 jest');
    expect(scripts['check']).toContain('npm run test:all');
    expect(read('.ci/run')).toContain('npm run check');
  });
});

describe('the container', () => {
  const dockerfile = read('Dockerfile');
  const compose = read('compose.yaml');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

  it('is built in stages, runs without root, in exec form, on port 80', () => {
    expect(dockerfile.match(/^FROM /gm)?.length).toBeGreaterThan(1);
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^ENV .*\bPORT=80\b/m);
    expect(last).toMatch(/^EXPOSE 80$/m);
    expect(last).toMatch(/^CMD \["node", "index\.js"\]$/m);
    expect(last).toMatch(/^HEALTHCHECK [^]*?CMD \[.*\/healthz/m);
    expect(last.indexOf('USER node')).toBeLessThan(last.indexOf('CMD ["node", "index.js"]'));
  });

  it('runs a Node we test and copies only what exists', () => {
    for (const [, version] of dockerfile.matchAll(/^FROM node:(\d+)/gm)) {
      expect(Number(version)).toBeGreaterThanOrEqual(20);
    }
    const ignored = read('.dockerignore').split('\n');
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
      expect(existsSync(join(root, name))).toBe(true);
      expect(ignored).not.toContain(name);
    }
    expect(ignored).toEqual(expect.arrayContaining(['.env', '**/*.pem', 'node_modules', 'dist']));
  });

  it('brings native SQLite with all it needs', () => {
    type Locked = { dependencies?: object; optionalDependencies?: object };
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
    const wanted = new Set<string>();
    const add = (name: string): void => {
      wanted.add(name.startsWith('@') ? (name.split('/')[0] ?? name) : name);
      const { dependencies = {}, optionalDependencies = {} } =
        lock.packages[`node_modules/${name}`] ?? {};
      for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) add(next);
    };
    add('libsql');
    const copied = [...last.matchAll(/^COPY --from=build \S*node_modules\/(\S+) /gm)];
    expect(copied.map(([, name]) => name).sort()).toEqual([...wanted].sort());
  });

  it('sets only variables that exist', () => {
    const known = new Set([...names, 'NODE_ENV']);
    const set = [...last.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
      line.split(' ').map((pair) => pair.split('=')[0] ?? ''),
    );
    const service = compose.slice(compose.indexOf('pay-common:'), compose.indexOf('\n  mysql:'));
    const given = [...service.matchAll(/^ {6}(\w+): /gm)].map(([, name = '']) => name);
    expect(given).toContain('databaseUrl');
    for (const name of [...set, ...given.filter((one) => one !== 'mysql')]) {
      expect(known).toContain(name);
    }
  });

  it('comes with MySQL that flushes, reached under its own name, and no root', () => {
    expect(compose).toMatch(/^ {2}mysql:\n {4}image: mysql:/m);
    expect(compose).toMatch(/databaseUrl: mysql:\/\/pay:.*@mysql:3306\/pay_common/);
    expect(compose).toContain('--innodb-flush-log-at-trx-commit=1');
    expect(compose).toMatch(/PORT: '80'[^]*'8080:80'/);
    expect(compose).not.toMatch(/PASSWORD: [A-Za-z0-9]/);
    expect(compose).toContain('no-new-privileges:true');
  });
});

describe('scf_bootstrap', () => {
  it('listens on 9000 and hands its signals to Node', () => {
    expect(read('scf_bootstrap')).toMatch(/^export PORT=9000$/m);
    expect(read('scf_bootstrap')).toMatch(/exec "\$node" index\.js$/m);
    expect(read('.gitattributes')).toMatch(/^scf_bootstrap .*eol=lf/m);
  });

  it.each(['scf_bootstrap', 'bin/www', 'bin/pay-common', '.ci/run'])('%s may be run', (name) => {
    expect(statSync(join(root, name)).mode & 0o111).toBe(0o111);
    const [mode] = execFileSync('git', ['ls-files', '-s', name], {
      cwd: root,
      encoding: 'utf8',
    }).split(' ');
    expect(mode).toBe('100755');
  });
});

describe('docs/errors.md', () => {
  const there = existsSync(join(root, 'docs/errors.md'));
  // Where everything is checked, a missing page is a failure like a missing section.
  const check = there || process.env['CI'] === 'true' ? it.each : it.skip.each;

  check(Object.keys(ERRORS))('has a section for %s, and a line in Chinese', (code) => {
    expect(read('docs/errors.md')).toMatch(new RegExp(`^#{2,4} \`?${code}\`?\\b`, 'm'));
    expect(read('docs/errors.md')).toContain(`| \`${code}\` |`);
  });
});

describe('documents', () => {
  const PATH =
    /`((?:app\.ts|(?:bin|config|routes|controllers|services|utils|docs|tests)\/[\w./-]+))`/g;

  it.each(['docs/architecture.md', 'docs/security.md', 'AGENTS.md', 'CONTRIBUTING.md'])(
    '%s names only files that are there',
    (name) => {
      const named = [...read(name).matchAll(PATH)].map(([, path = '']) => path);
      expect(named.length).toBeGreaterThan(0);
      // A test is named without its ending.
      const there = (path: string) =>
        existsSync(join(root, path)) || existsSync(join(root, `${path}.test.ts`));
      expect(named.filter((path) => !there(path))).toEqual([]);
    },
  );
});

describe('files', () => {
  const IMPORT = /(?:from|import|require|mock)\s*\(?\s*['"](\.{1,2}\/[^'"]+|\.{1,2})['"]/g;
  const code = new Set(tracked.filter((name) => /\.(ts|mjs|cjs|js)$/.test(name)));

  function importsOf(name: string): string[] {
    const found = [...read(name).matchAll(IMPORT)].map(([, path = '']) =>
      normalize(join(dirname(name), path)),
    );
    const forms = (path: string) => [
      path,
      `${path}.ts`,
      `${path}.js`,
      `${path}/index.ts`,
      path.replace(/\.js$/, '.ts'),
    ];
    return found.flatMap(forms).filter((path) => code.has(path));
  }

  it('are all reached from a program, a script or a test', () => {
    const own = (name: string) =>
      /^(app|bin|config|controllers|routes|services|utils|simulator|demo|tests)\b/.test(name);
    const roots = [...code].filter(
      (name) =>
        /^(bin|scripts|bench|examples|console)\//.test(name) ||
        /^(index\.js|demo\/demo\.ts|simulator\/main\.ts|[\w.]+config\.\w+)$/.test(name) ||
        name.endsWith('.test.ts'),
    );
    const seen = new Set(roots);
    for (const name of seen) for (const next of importsOf(name)) seen.add(next);
    const spoken = texts
      .filter((name) => /^(tests|demo|simulator)\/|^stryker/.test(name))
      .map(read)
      .join('\n');
    // A page, or a program that a test starts, is reached by its name.
    const named = (name: string) => spoken.includes(name.split('/').at(-1) ?? name);
    // What is declared of a package is reached by the compiler.
    const declared = (name: string) => name.endsWith('.d.ts');
    const dead = [...code].filter(
      (name) => own(name) && !declared(name) && !seen.has(name) && !named(name),
    );
    expect(dead).toEqual([]);
  });

  it('hold no word that was to be gone', () => {
    const words = [
      new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`),
      new RegExp(`(^|[\\s"'\`(=])/(${['work', 'root', 'home'].join('|')})/`, 'm'),
      new RegExp(
        `https?://[^\\s"'\`)]*\\b(${['registry', 'artifactory', 'nexus'].join('|')})\\b`,
        'i',
      ),
    ];
    const found = texts
      .filter((name) => name !== 'package-lock.json' && name !== '.ci/run')
      .flatMap((name) =>
        words.filter((word) => word.test(read(name))).map((word) => `${name}: ${String(word)}`),
      );
    expect(found).toEqual([]);
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });

  it('start the command line by its file: the name alone is anyone’s to register', () => {
    const pattern = /npx pay[-]common/;
    expect(texts.filter((name) => pattern.test(read(name)))).toEqual([]);
    expect(JSON.parse(read('package.json'))).toMatchObject({ private: true });
  });

  it('hold no key and no environment of anyone', () => {
    const private_ = tracked.filter((name) => /(^|\/)\.env(\.|$)|\.(pem|p12|key)$/.test(name));
    expect(private_).toEqual(['.env.example']);
  });
});

describe('secrets', () => {
  const SECRET = [
    ...['.env', '.env.production', 'apiclient_key.pem', 'private.key', 'apiclient_cert.p12'],
    ...['1900000000_cert.zip', 'pay.db', 'pay.db-wal', 'pay.db-shm', '.data/pay-common.db'],
  ];

  it.each(['', 'deploy/'])('in %j are kept out of the repository', (folder) => {
    const files = SECRET.map((name) => folder + name);
    const args = ['check-ignore', '--no-index', ...files, `${folder}.env.example`];
    const ignored = execFileSync('git', args, { cwd: root, encoding: 'utf8' });
    expect(ignored.trim().split('\n')).toEqual(files);
  });

  it('are kept out of the image', () => {
    const ignored = read('.dockerignore').split('\n');
    const rules = ['**/.env*', '**/*.pem', '**/*.key', '**/*.p12', '**/*cert.zip', '**/*.db'];
    expect(ignored).toEqual(expect.arrayContaining([...rules, '**/*.db-*', '!.env.example']));
  });
});
