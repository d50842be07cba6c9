import { readdirSync } from 'node:fs';
import tseslint from 'typescript-eslint';

/**
 * The house's arrows: bin → app → routes → controllers → services; those inside services stand in ROOMS below.
 * utils are imported by all and import none of them. Said folder by folder: what may not be imported from there.
 */
const folders = {
  app: '**/app',
  bin: '**/bin/**',
  routes: '**/routes/**',
  controllers: '**/controllers/**',
  services: '**/services/**',
  config: '**/config/**',
  simulator: '**/simulator/**',
  outside: ['**/tests/**', '**/bench/**', '**/demo/**', '**/scripts/**', '**/examples/**'],
};
const express = ['express', 'express/*'];
const drivers = ['libsql', 'pg', 'mysql2', 'mysql2/*', 'mongodb', '@cloudbase/*', 'amqplib'];
const sdk = ['wechatpay-node-v3', 'wechatpay-node-v3/*'];

/** A file, and a factory: `createX(deps)` or `openX(deps)` may hold the object that it makes. */
const FILE_LINES_MAX = 400;
const FACTORY_LINES_MAX = 120;
const FUNCTION_LINES_MAX = 70;
/** The simulator, the demo and scripts are stories as much as programs: none of them moves money. */
const STORY_FILE_LINES_MAX = 500;

const lengths = (file) => ({
  'max-lines': ['error', { max: file }],
  'max-lines-per-function': ['error', { max: FACTORY_LINES_MAX, IIFEs: true }],
});

/** What ESLint's own rule cannot tell apart: functions that are no factories have a smaller bound. */
const house = {
  rules: {
    'function-lines': {
      meta: { type: 'suggestion', schema: [] },
      create(context) {
        const nameOf = ({ id, parent }) => id?.name ?? parent.id?.name ?? parent.key?.name ?? '';
        const check = (node) => {
          const lines = node.loc.end.line - node.loc.start.line + 1;
          if (lines <= FUNCTION_LINES_MAX || /^(create|open)[A-Z]/.test(nameOf(node))) return;
          const message = `This function has ${lines} lines, at most ${FUNCTION_LINES_MAX}.`;
          context.report({ node, message });
        };
        return { 'FunctionDeclaration, FunctionExpression, ArrowFunctionExpression': check };
      },
    },
  },
};

/** Types may be named across a fence; only what runs makes a dependency. `never`: not even types. */
function arrow(files, patterns, message, { never = [], ...extra } = {}) {
  const fence = (group, allowTypeImports) =>
    group.length === 0 ? [] : [{ group, message, allowTypeImports }];
  return {
    files,
    ...extra,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [...fence(patterns.flat(), true), ...fence(never.flat(), false)] },
      ],
    },
  };
}

/**
 * The rooms of services/, and what each may import besides utils: payService → wings → records, wechat, access →
 * ledger, strategies, stores. A wing imports another only where the world does: a combination is paid as an order
 * and refunded in its parts. `sweep/steps` is what a wing's steps are made of; the sweep itself knows no wing.
 */
const BELOW = ['ledger', 'records', 'wechat', 'access', 'strategies', 'stores', 'sweep/steps'];
const ROOMS = {
  ledger: [],
  strategies: [],
  stores: ['ledger'],
  wechat: ['ledger', 'strategies'],
  access: ['ledger', 'strategies', 'stores'],
  merchants: ['ledger', 'stores'],
  records: ['ledger', 'stores', 'merchants', 'access'],
  delivery: ['ledger', 'records'],
  sweep: ['ledger', 'records', 'delivery', 'stores', 'wechat'],
  orders: BELOW,
  refunds: [...BELOW, 'orders'],
  transfers: BELOW,
  combinations: [...BELOW, 'refunds', 'orders'],
  notifications: [...BELOW, 'orders', 'refunds', 'transfers', 'combinations'],
  reconcile: [...BELOW, 'orders', 'refunds'],
};
const PAY_SERVICE = '**/payService';

for (const { name } of readdirSync('services', { withFileTypes: true })) {
  if (!name.endsWith('.ts') && !(name in ROOMS)) {
    throw new Error(`eslint.config.mjs: ROOMS must say what services/${name}/ may import`);
  }
}

/** Everything outside services/ that a room may not import; some rooms hold a driver or the SDK. */
const outsideServices = (...more) => [
  ...['app', 'bin', 'routes', 'controllers', 'config', 'simulator'].map((name) => folders[name]),
  ...folders.outside,
  ...express,
  ...more,
];

function room(name, more, extra = {}) {
  const may = ROOMS[name];
  const closed = Object.keys(ROOMS).filter((other) => other !== name && !may.includes(other));
  const others = closed.map((other) => `**/${other}/*`);
  const pure = name === 'ledger';
  const open = may.filter((other) => other.includes('/')).map((file) => `!**/${file}`);
  const { files = [`services/${name}/**/*.ts`], ...rest } = extra;
  return arrow(
    files,
    [...outsideServices(...more), ...(pure ? [] : ['**/orderService', ...others, ...open])],
    `services/${name}/ may import ${[...may, 'utils'].join(', ')}: see ROOMS in eslint.config.mjs.`,
    { never: [PAY_SERVICE, ...(pure ? ['**/orderService', ...others] : [])], ...rest },
  );
}

const CATCH = {
  selector: "ExpressionStatement > CallExpression[callee.property.name='catch']",
  message: 'Fire and forget hides failures: await it, or hand it to someone who does.',
};
const ENVIRONMENT = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only config/ and bin/ read the environment: take what you need as a dependency.',
};
const CLOCK = {
  selector:
    "CallExpression[callee.object.name='Date'][callee.property.name='now'], NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'Time is handed in: use the injected clock.',
};
/** A record is written in one place: any other `store.replace` would be a second answer to "what may change it?". */
const WRITER = {
  selector: [
    'CallExpression[callee.property.name=/^(insert|replace|reserve)$/][callee.object.name=/([sS]tore|target)$/]',
    'CallExpression[callee.property.name=/^(insert|replace|reserve)$/][callee.object.property.name=/[sS]tore$/]',
    "CallExpression[callee.property.name='replace'][arguments.1.property.name='version']",
  ].join(', '),
  message: 'Only records/recordWriter.ts writes records: use its create, change or patch.',
};
/** Node 18.15, where the generated function runs, does not have these. */
const TOO_NEW = {
  selector: [
    "MemberExpression[object.name='URL'][property.name=/^(canParse|parse)$/]",
    "MemberExpression[object.name='Array'][property.name='fromAsync']",
    "MemberExpression[object.name='Promise'][property.name=/^(withResolvers|try)$/]",
    "MemberExpression[object.name=/^(Object|Map)$/][property.name='groupBy']",
    'CallExpression > MemberExpression.callee[property.name=/^(toSorted|toReversed|toSpliced|isWellFormed|toWellFormed)$/]',
  ].join(', '),
  message: 'Not there in Node 18.15.',
};
/**
 * A test that measures how long something took fails on a slow machine: docs/testing.md says what to do instead.
 */
const NOW = "CallExpression[callee.object.name='Date'][callee.property.name='now']";
const TESTED = '/^(test|it|inProcess|beforeAll|beforeEach|afterAll|afterEach)$/';
const STOPWATCH = {
  selector: [
    "MemberExpression[object.name='performance'][property.name='now']",
    "MemberExpression[object.name='process'][property.name='hrtime']",
    // Date.now() stamps and names things, too: only a difference that is judged is a stop-watch.
    `CallExpression[callee.name='expect'] BinaryExpression[operator='-'] > ${NOW}`,
    `BinaryExpression[operator=/^[<>]=?$/] BinaryExpression[operator='-'] > ${NOW}`,
    "CallExpression[callee.property.name=/^toBe(Less|Greater)Than/] CallExpression[callee.name='expect'] > :matches(Identifier[name=/^(ms|elapsed|took|duration)/], MemberExpression[property.name=/^(ms|elapsed|took|duration)/])",
  ].join(', '),
  message: 'No test asserts how long something took: see docs/testing.md.',
};
const OWN_TIMEOUT = {
  selector: [
    "CallExpression[callee.object.name='jest'][callee.property.name='setTimeout']",
    `CallExpression[callee.name=${TESTED}] > .arguments:nth-child(3)`,
  ].join(', '),
  message:
    'The one bound on hanging stands in jest.config.js: a smaller one fails on a slow machine.',
};
const syntax = (...rules) => ({ 'no-restricted-syntax': ['error', ...rules] });

const SERVICE = ['app.ts', '{bin,cli,config,routes,controllers,services,utils}/**/*.ts'];
const STORIES = ['{simulator,demo,scripts}/**/*.ts'];
const APART = ['{tests,simulator,demo,bench,scripts,examples,console}/**/*.{ts,tsx}'];

export default tseslint.config(
  {
    // Plain JavaScript is small here and read by Prettier; examples are copied by others, as they are.
    ignores: [
      'dist/**',
      'node_modules/**',
      'coverage/**',
      '**/*.js',
      '**/*.cjs',
      '**/*.mjs',
      '**/*.mts',
      '**/*.generated.ts',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house },
    rules: {
      // A memory store is async by contract.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // Numbers in a template are what they look like.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `return values.reject(…)` says in one line that there is a fault and no value.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      'max-depth': ['error', 3],
      'no-console': 'error',
      eqeqeq: 'error',
      'prefer-const': 'error',
    },
  },
  { files: SERVICE, rules: { ...lengths(FILE_LINES_MAX), 'house/function-lines': 'error' } },
  { files: STORIES, rules: lengths(STORY_FILE_LINES_MAX) },
  { files: SERVICE, rules: syntax(CATCH, ENVIRONMENT, CLOCK, TOO_NEW, WRITER) },
  {
    files: [
      'services/records/recordWriter.ts',
      'services/merchants/merchantStore.ts',
      'services/stores/**/*.ts',
    ],
    rules: syntax(CATCH, ENVIRONMENT, CLOCK, TOO_NEW),
  },
  { files: ['{bin,config}/**/*.ts'], rules: syntax(CATCH, CLOCK, TOO_NEW, WRITER) },
  { files: ['utils/clock.ts'], rules: syntax(CATCH, ENVIRONMENT, TOO_NEW) },
  { files: APART, rules: syntax(CATCH) },
  arrow(
    ['utils/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.services,
      folders.config,
      folders.simulator,
      folders.outside,
      express,
      drivers,
      sdk,
    ],
    'utils are imported by all and import none of them.',
  ),
  arrow(
    ['config/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.services,
      folders.simulator,
      folders.outside,
      express,
      drivers,
      sdk,
    ],
    'config knows settings, not those who use them.',
  ),
  arrow(
    ['services/*.ts'],
    outsideServices(...drivers, ...sdk),
    'Services know nothing of HTTP, settings or the SDK: take them as dependencies.',
  ),
  arrow(
    ['services/orderService.ts'],
    [
      ...outsideServices(...drivers, ...sdk),
      ...Object.keys(ROOMS)
        .filter((name) => !['ledger', 'records', 'stores'].includes(name))
        .map((name) => `**/${name}/*`),
    ],
    'orderService stands below the wings: it knows ledger, records and stores.',
    { never: [PAY_SERVICE] },
  ),
  ...['stores', 'delivery'].map((name) => room(name, sdk)),
  ...Object.keys(ROOMS)
    .filter((name) => name !== 'stores' && name !== 'delivery')
    .map((name) => room(name, [...drivers, ...sdk])),
  room('strategies', drivers, { files: ['services/strategies/sdkStrategy.ts'] }),
  arrow(
    ['controllers/**/*.ts'],
    [folders.app, folders.bin, folders.routes, folders.simulator, folders.outside, drivers, sdk],
    'Controllers read a request, call a service, shape the reply.',
  ),
  arrow(
    ['routes/**/*.ts'],
    [folders.app, folders.bin, folders.simulator, folders.outside, drivers, sdk],
    'Routes are a table over controllers.',
    { never: [PAY_SERVICE] },
  ),
  arrow(
    ['app.ts', 'bin/**/*.ts'],
    [folders.outside, drivers, sdk],
    'Drivers and the SDK belong to one file each, below the services.',
  ),
  arrow(
    ['cli/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.simulator,
      folders.outside,
      express,
      drivers,
      sdk,
    ],
    'Commands look at settings and services; the service as a whole is handed in by bin/cli.ts.',
    { never: [PAY_SERVICE] },
  ),
  arrow(
    ['simulator/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.services,
      folders.config,
      '**/utils/**',
      sdk,
      '../*/**',
    ],
    'The simulator shares nothing with the service it judges, or both would share a mistake.',
  ),
  {
    // Tests read replies off the wire, which have no type, and are as long as their story.
    files: APART,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      'no-console': 'off',
    },
  },
  {
    files: ['tests/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      // Not CATCH: programs that tests start end in `main().catch(fail)`, and that is their whole error handling.
      ...syntax(STOPWATCH, OWN_TIMEOUT),
    },
  },
);
