/**
 * The checks of all requests as source, compiled by AJV when the package is built: the first order then needs
 * neither AJV nor its compiler. `scripts/build.mjs` puts it in the place of `utils/compileSchema.ts`.
 */
import * as ajv from 'ajv';
import standaloneCode from 'ajv/dist/standalone';
import { PAY_ROUTES } from '../routes/payRoutes';
import { createCompiler } from '../utils/compileSchema';
import * as codepay from '../utils/schemas/codepaySchemas';
import * as combine from '../utils/schemas/combineSchemas';
import * as order from '../utils/schemas/orderSchemas';
import * as record from '../utils/schemas/recordSchemas';
import * as refund from '../utils/schemas/refundSchemas';
import * as transfer from '../utils/schemas/transferSchemas';

const MODULES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  codepay,
  combine,
  order,
  record,
  refund,
  transfer,
};
/** What nobody reads of an error, and is a third of the source. */
const UNREAD = /schemaPath:"(?:[^"\\]|\\.)*",|(?<=params:\{)pattern: "(?:[^"\\]|\\.)*"/g;
/** Shorter parts of schemas are not worth a function of their own. */
const PART_CHARS_MIN = 40;

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a check does not read: words for people. */
function withoutWords({ description: _words, ...schema }: Schema): Schema {
  return withInner(schema, withoutWords);
}

/** The same schema with each of its inner schemas as `change` makes it. */
function withInner(schema: Schema, change: (inner: Schema) => Schema): Schema {
  const entries = Object.entries(schema).map(([key, value]) => {
    if (key === 'items' && isSchema(value)) return [key, change(value)] as const;
    if (key === 'anyOf') return [key, (value as Schema[]).map(change)] as const;
    if (key !== 'properties' || !isSchema(value)) return [key, value] as const;
    const inner = Object.entries(value).map(([name, one]) => [name, change(one as Schema)]);
    return [key, Object.fromEntries(inner)] as const;
  });
  return Object.fromEntries(entries);
}

/** Parts that several schemas share become references, so that each is compiled once. */
function shareParts(schemas: Iterable<Schema>, add: (part: Schema, id: string) => void) {
  const counts = new Map<string, number>();
  const ids = new Map<string, string>();
  const count = (schema: Schema): Schema => {
    const text = JSON.stringify(schema);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    return withInner(schema, count);
  };
  const share = (schema: Schema): Schema => {
    const text = JSON.stringify(schema);
    if (text.length < PART_CHARS_MIN || (counts.get(text) ?? 0) < 2)
      return withInner(schema, share);
    let id = ids.get(text);
    if (id === undefined) {
      id = `part${String(ids.size)}`;
      ids.set(text, id);
      add(withInner(schema, share), id);
    }
    return { $ref: id };
  };
  for (const schema of schemas) withInner(schema, count);
  return (schema: Schema): Schema => withInner(schema, share);
}

/**
 * AJV declares each schema whole and reads only its lists of allowed values and, of many properties, their names:
 * these stay, under a name of their own.
 */
function onlyRead(source: string): string {
  const schemas = new Map<string, Schema>();
  const kept = new Map<string, string>();
  const keep = (whole: string, name: string, path: string): string => {
    let value: unknown = schemas.get(name);
    for (const key of path.split('.').slice(1)) value = (value as Schema | undefined)?.[key];
    if (typeof value !== 'object' || value === null) throw new Error(`${whole} is not known`);
    const names = (): object => Object.fromEntries(Object.keys(value).map((key) => [key, 1]));
    const constant = whole.replaceAll('.', '_');
    const text = JSON.stringify(path.endsWith('.properties') ? names() : value);
    kept.set(constant, `const ${constant} = ${text};`);
    return constant;
  };
  const rest = source
    .replace(/const (schema\d+) = (\{[^;]*\});/g, (_declaration, name: string, text: string) => {
      schemas.set(name, JSON.parse(text) as Schema);
      return '';
    })
    .replace(/\b(schema\d+)((?:\.\w+)*\.(?:enum|properties))\b/g, keep);
  const other = /\bschema\d+\b(?!_)/.exec(rest);
  if (other !== null) throw new Error(`a check reads ${other[0]} whole`);
  return [...kept.values(), rest].join('\n');
}

/** AJV writes at each place how an error is made: here once. */
const FAIL = [
  'const fail = (check, instancePath, keyword, params) => {',
  '  check.errors = [{ instancePath, keyword, params }];',
  '  return false;',
  '};',
].join('\n');

const withFail = (source: string): string =>
  source.replace(
    /(\w+)\.errors = \[\{instancePath(?::([^,]+))?,keyword:("\w+"),params:(\{[^{}]*\})\}\];return false;/g,
    (_, check: string, path = 'instancePath', keyword: string, params: string) =>
      `return fail(${check}, ${String(path)}, ${keyword}, ${params});`,
  );

/** The modules of `utils/schemas/` that hold bodies of requests, and the names of the schemas in them. */
export function schemaNames(): ReadonlyMap<string, readonly string[]> {
  const modules = Object.entries(MODULES);
  return new Map(modules.map(([module, all]) => [`${module}Schemas`, Object.keys(all)]));
}

/** An ES module with the exports of `utils/compileSchema.ts`, its imports relative to the project's root. */
export function standaloneSource(): string {
  const names = new Map<object, string>();
  for (const [module, exported] of Object.entries(MODULES)) {
    for (const [name, value] of Object.entries(exported)) {
      if (typeof value === 'object' && value !== null) names.set(value, `${module}.${name}`);
    }
  }
  const compiler = createCompiler(ajv, {
    inlineRefs: false,
    code: { source: true, esm: true, formats: ajv._`FORMATS` },
  });
  const bare = new Map([...schemasOf()].map((schema) => [schema, withoutWords(schema as Schema)]));
  const share = shareParts(bare.values(), (part, id) => compiler.addSchema(part, id));
  const pairs: string[] = [];
  const ids: Record<string, string> = {};
  for (const [schema, plain] of bare) {
    const name = names.get(schema);
    if (name === undefined) throw new Error('a schema of a route is no export of utils/schemas');
    const id = `check${String(pairs.length)}`;
    compiler.addSchema(share(plain), id);
    ids[id] = id;
    pairs.push(`[${name}, ${id}]`);
  }
  const imports = Object.keys(MODULES).map(
    (module) => `import * as ${module} from './utils/schemas/${module}Schemas';`,
  );
  const checks = withFail(onlyRead(standaloneCode(compiler, ids).replace(UNREAD, '')));
  return [
    ...imports,
    "import { isAddress, isPublicAddress } from './utils/addresses';",
    "const FORMATS = { ip: isAddress, 'public-ip': isPublicAddress };",
    FAIL,
    checks,
    `export const CHECKS = new Map([${pairs.join()}]);`,
    'export const createSchemaCompiler = () => (schema) => CHECKS.get(schema);',
  ].join('\n');
}

function schemasOf(): ReadonlySet<object> {
  const all = PAY_ROUTES.flatMap((spec) => [spec.body, spec.payerBody, spec.params]);
  return new Set([...all.filter((schema) => schema !== undefined), record.emptySchema]);
}
