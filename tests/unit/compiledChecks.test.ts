/** The checks compiled into the package say the same as those compiled at run time: verdict and words. */
import { buildSync } from 'esbuild';
import type { ValidateFunction } from 'ajv';
import { join } from 'node:path';
import { PAY_ROUTES } from '../../routes/payRoutes';
import { standaloneSource } from '../../scripts/standalone';
import { createSchemaCompiler } from '../../utils/compileSchema';
import { explain } from '../../utils/validate';

interface Compiled {
  readonly CHECKS: ReadonlyMap<object, ValidateFunction>;
}
type Json = Record<string, unknown>;

/** As `scripts/build.mjs` bundles them, with copies of the schemas. */
function built(): Compiled {
  const resolveDir = join(__dirname, '../..');
  const { outputFiles } = buildSync({
    stdin: { contents: standaloneSource(), resolveDir, loader: 'js' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const module = { exports: {} as Compiled };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  new Function('module', 'exports', 'require', outputFiles[0]?.text ?? '')(
    module,
    module.exports,
    require,
  );
  return module.exports;
}

/** A value that a schema takes, with all of its properties, or only with the required ones. */
function sample(schema: Json, all: boolean): unknown {
  if (schema['const'] !== undefined) return schema['const'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0] as unknown;
  switch (schema['type']) {
    case 'object': {
      const required = (schema['required'] ?? []) as readonly string[];
      const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
      const kept = properties.filter(([name]) => all || required.includes(name));
      return Object.fromEntries(kept.map(([name, inner]) => [name, sample(inner, all)]));
    }
    case 'array':
      return [sample((schema['items'] ?? {}) as Json, all)];
    case 'integer':
      return schema['minimum'] ?? 1;
    case 'boolean':
      return true;
    default:
      return text(schema);
  }
}

const TEXTS = [
  ...['20260102', '2026-01-02', '2026-01-02T03:04:05+08:00', 'https://a.example.com/b', '8.8.8.8'],
  ...[
    'o'.repeat(28),
    '134567890123456789',
    'ORDER0001',
    'wx0123456789abcdef',
    '1900000001',
    '中文',
  ],
];

function text(schema: Json): string {
  const fits = (value: string): boolean =>
    new RegExp((schema['pattern'] as string | undefined) ?? '', 'u').test(value) &&
    value.length >= ((schema['minLength'] as number | undefined) ?? 0) &&
    value.length <= ((schema['maxLength'] as number | undefined) ?? Infinity);
  return TEXTS.find(fits) ?? 'ORDER0001';
}

const WRONG: readonly unknown[] = [
  ...[null, true, -1, 0, 1.5, 2 ** 53, '', ' ', 'a', 'x'.repeat(40), '中'.repeat(60)],
  ...['10.0.0.1', '::1', 'x'.repeat(6000), [], [1], {}, { a: 1 }, Array(60).fill('a')],
];

/** The value, and the value with each of its places left out, added to, or put wrong. */
function* changed(value: unknown): Generator {
  yield value;
  yield* WRONG;
  if (Array.isArray(value)) {
    for (const inner of changed(value[0])) yield [inner];
    yield Array(2).fill(value[0]);
  } else if (typeof value === 'object' && value !== null) {
    const whole = value as Json;
    yield { ...whole, unknown_field: 1 };
    for (const name of Object.keys(whole)) {
      const { [name]: inner, ...rest } = whole;
      yield rest;
      for (const other of changed(inner)) yield { ...whole, [name]: other };
    }
  }
}

const { CHECKS } = built();
const compile = createSchemaCompiler();
const pairs = [...CHECKS].map(([schema, check], i) => [i, schema as Json, check] as const);

it('are those of every schema of the routes', () => {
  const used = PAY_ROUTES.flatMap((one) => [one.body, one.payerBody, one.params]);
  const texts = new Set([...CHECKS.keys()].map((schema) => JSON.stringify(schema)));
  for (const schema of used) {
    if (schema !== undefined) expect(texts).toContain(JSON.stringify(schema));
  }
});

it.each(pairs)('say the same as those compiled at run time (schema %i)', (_i, schema, check) => {
  const theirs = compile(schema);
  const verdict = (one: ValidateFunction, value: unknown): string =>
    one(value) ? 'ok' : explain(one.errors);
  const seen = new Set<string>();
  for (const value of [...changed(sample(schema, true)), ...changed(sample(schema, false))]) {
    const said = verdict(check, value);
    seen.add(said);
    if (said !== verdict(theirs, value)) {
      expect([value, said]).toEqual([value, verdict(theirs, value)]);
    }
  }
  expect(seen.size).toBeGreaterThan(1);
});
