import tseslint from 'typescript-eslint';

/**
 * The house's arrows: bin → app → routes → controllers → services → strategies, stores; utils are
 * imported by all and import none of them. Said folder by folder: what may not be imported from there.
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

const OWN_LINES_MAX = 70;

/**
 * A factory (`createX(deps)`) is as long as the object it makes, so what counts here is a function's own
 * lines: those of the functions inside it are counted for them.
 */
const house = {
  rules: {
    'max-own-lines': {
      meta: { type: 'suggestion', schema: [] },
      create(context) {
        const open = [];
        const enter = () => open.push(0);
        const leave = (node) => {
          const inner = open.pop();
          const lines = node.loc.end.line - node.loc.start.line + 1;
          if (open.length > 0) open[open.length - 1] += lines;
          if (lines - inner <= OWN_LINES_MAX) return;
          const message = `This function has ${lines - inner} lines of its own, at most ${OWN_LINES_MAX}.`;
          context.report({ node, message });
        };
        const kinds = 'FunctionDeclaration, FunctionExpression, ArrowFunctionExpression';
        return { [kinds]: enter, [`:matches(${kinds}):exit`]: leave };
      },
    },
  },
};

/** Types may be named across a fence; only what runs makes a dependency. */
function arrow(files, patterns, message, extra = {}) {
  return {
    files,
    ...extra,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ group: patterns.flat(), message, allowTypeImports: true }] },
      ],
    },
  };
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
      'house/max-own-lines': 'error',
      'max-depth': ['error', 3],
      'no-console': 'error',
      eqeqeq: 'error',
      'prefer-const': 'error',
    },
  },
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
    ['services/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.config,
      folders.simulator,
      folders.outside,
      express,
      drivers,
      sdk,
    ],
    'Services know nothing of HTTP, settings or the SDK: take them as dependencies.',
    { ignores: ['services/stores/**', 'services/delivery/**', 'services/strategies/**'] },
  ),
  arrow(
    ['services/{stores,delivery}/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.config,
      folders.simulator,
      folders.outside,
      '**/strategies/**',
      express,
      sdk,
    ],
    'Stores and sinks stand below the services.',
  ),
  arrow(
    ['services/strategies/**/*.ts'],
    [
      folders.app,
      folders.bin,
      folders.routes,
      folders.controllers,
      folders.config,
      folders.simulator,
      folders.outside,
      '**/stores/**',
      '**/delivery/**',
      express,
      drivers,
      sdk,
    ],
    'Strategies speak to WeChat Pay and to nothing else; the SDK belongs to sdkStrategy.ts.',
    { ignores: ['services/strategies/sdkStrategy.ts'] },
  ),
  arrow(
    ['controllers/**/*.ts'],
    [folders.app, folders.bin, folders.routes, folders.simulator, folders.outside, drivers, sdk],
    'Controllers read a request, call a service, shape the reply.',
  ),
  arrow(
    ['routes/**/*.ts'],
    [folders.app, folders.bin, folders.simulator, folders.outside, drivers, sdk],
    'Routes are a table over controllers.',
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
      'house/max-own-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      // Not CATCH: programs that tests start end in `main().catch(fail)`, and that is their whole error handling.
      ...syntax(STOPWATCH, OWN_TIMEOUT),
    },
  },
);
