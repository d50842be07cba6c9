/**
 * `npm run build [-- --out DIR]`: TypeScript → dist/, complete without node_modules.
 *
 * Why not esbuild's own splitting: it writes ES modules only, and a dozen chunks to open at a cold
 * start. Decision 0003 tells what was tried. Each dynamic `import()` of ours becomes a file of its own
 * in drivers/, read when it is first needed. Classes that are compared with `instanceof` must exist
 * once, so utils/errors.ts is one file that every bundle requires.
 */
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { build as buildPage } from 'vite';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(path.join(root, 'package.json'));
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

const ENTRY_BYTES_MAX = 2 * 1024 * 1024;
const DRIVERS_BYTES_MAX = 6 * 1024 * 1024;
const DRIVERS_COUNT_MAX = 40;
const BUILD_ID = '@@pay-common-build@@';
const SHARED = path.join(root, 'utils/errors.ts');
const COMPILER = path.join(root, 'utils/compileSchema.ts');
/** Native, or looked for by its package only when it happens to be there. */
const ABSENT = new Set(['libsql', 'better-sqlite3', 'pg-native', 'supports-color']);

function outDir() {
  const at = process.argv.indexOf('--out');
  return path.resolve(root, at < 0 ? 'dist' : (process.argv[at + 1] ?? 'dist'));
}

/** `services/stores/sql/sqliteDriver.ts` → `sqlite`, `simulator/main.ts` → `simulator`, `jose` → `jose`. */
function driverName(target) {
  const { dir, name } = path.parse(target.replace(/\\/g, '/'));
  const own = /^(main|index|promise)$/.test(name) ? path.basename(dir) : name;
  return own.replace(/(OrderStore|Store|Sink|Driver)$/, '').replace(/[^\w.-]/g, '') || own;
}

/** Name → what is bundled into drivers/NAME.js. Grows while bundles are made. */
class Drivers {
  targets = new Map();

  add(target) {
    const name = driverName(target);
    const known = this.targets.get(name);
    if (known !== undefined && known !== target) {
      throw new Error(`drivers/${name}.js would be both ${known} and ${target}`);
    }
    if (this.targets.size >= DRIVERS_COUNT_MAX) throw new Error('too many dynamic imports');
    this.targets.set(name, target);
    return name;
  }
}

function resolvable(specifier) {
  try {
    require.resolve(specifier);
    return true;
  } catch {
    return false;
  }
}

const isBare = (specifier) => /^(@[\w.-]+\/)?[\w-][\w./-]*$/.test(specifier);
const isOurs = (file) =>
  file.startsWith(root) && !file.includes(`${path.sep}node_modules${path.sep}`);

function houseRules({ folder, drivers, checks }) {
  const up = folder === '' ? './' : '../';
  const toDrivers = folder === '' ? './drivers/' : './';
  return {
    name: 'house-rules',
    setup(ctx) {
      // The SDK's HTTP client: never called (ours is handed in), 300 kB.
      ctx.onResolve({ filter: /^superagent$/ }, () => ({ path: 'superagent', namespace: 'empty' }));
      ctx.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: '', loader: 'js' }));
      // The document database's SDK asks for an old axios with known holes. It uses it for cloud functions'
      // containers, AI and the metadata of a virtual machine, never for documents: none of these is called here.
      ctx.onResolve({ filter: /^axios$/ }, ({ importer }) =>
        importer.includes('@cloudbase') ? { path: 'axios', namespace: 'refusing' } : undefined,
      );
      ctx.onLoad({ filter: /.*/, namespace: 'refusing' }, () => ({
        contents: `const refuse = () => Promise.reject(new Error('axios is not part of this build'));
          module.exports = Object.assign(refuse, { get: refuse });`,
        loader: 'js',
      }));
      // Bodies are read as bytes and replies written by hand: 490 kB of character tables and 150 kB of
      // media types would only be read, compiled and kept. `tests/built/package` sends every content type.
      // mysql2 does decode with those tables: without them no connection is ever made (`tests/crash`).
      ctx.onResolve({ filter: /^(iconv-lite|mime-db)$/ }, ({ path: name, importer }) =>
        /[\\/]node_modules[\\/]mysql2[\\/]/.test(importer)
          ? undefined
          : { path: name, namespace: 'unused' },
      );
      // Express loads them for parsers that this app does not use: it reads bodies itself, and query strings by
      // Node's own parser ('simple'). With what they bring, 60 kB.
      ctx.onResolve({ filter: /^(body-parser|qs)$/ }, ({ path: name, importer }) =>
        /[\\/]node_modules[\\/]express[\\/]/.test(importer)
          ? { path: name, namespace: 'unused' }
          : undefined,
      );
      ctx.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({
        contents: 'module.exports = { encodingExists: () => false };',
        loader: 'js',
      }));
      ctx.onLoad({ filter: /.*/, namespace: 'checks' }, () => ({
        contents: checks.source,
        resolveDir: root,
        loader: 'js',
      }));
      // What schemas say is in the checks and in openapi.json: of a body's schema the name is enough, which finds
      // its check, and of a reply nothing.
      ctx.onLoad({ filter: /[\\/]utils[\\/]schemas[\\/]\w+\.ts$/ }, ({ path: file }) => {
        const names = checks.schemaNames.get(path.parse(file).name) ?? [];
        return { contents: names.map((name) => `export const ${name} = {};`).join('\n') };
      });
      ctx.onResolve({ filter: /^[^./]/ }, ({ path: specifier, kind, importer }) => {
        if (specifier.startsWith('node:') || !isBare(specifier)) return undefined;
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        if (ABSENT.has(name)) return { path: specifier, external: true };
        if (!isOurs(importer) || kind !== 'dynamic-import') return undefined;
        if (require('node:module').isBuiltin(specifier)) return undefined;
        if (!resolvable(specifier)) return { path: specifier, external: true };
        return { path: `${toDrivers}${drivers.add(specifier)}.js`, external: true };
      });
      ctx.onResolve({ filter: /^\.{1,2}\// }, async (args) => {
        if (!isOurs(args.importer) || args.pluginData === 'resolved') return undefined;
        const { importer, kind, resolveDir } = args;
        const options = { importer, kind, resolveDir, pluginData: 'resolved' };
        const found = await ctx.resolve(args.path, options);
        if (found.errors.length > 0) return { errors: found.errors };
        if (found.path === SHARED) return { path: `${up}errors.js`, external: true };
        if (found.path === COMPILER) return { path: COMPILER, namespace: 'checks' };
        if (kind !== 'dynamic-import') return undefined;
        const target = path.relative(root, found.path);
        return { path: `${toDrivers}${drivers.add(target)}.js`, external: true };
      });
    },
  };
}

const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node18.15',
  format: 'cjs',
  sourcemap: false,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
  // Asking a package for a default export it may lack is what the driver entries are for.
  logOverride: { 'import-is-undefined': 'silent' },
  absWorkingDir: root,
  write: false,
  metafile: true,
  define: {
    __BUILD_ID__: JSON.stringify(BUILD_ID),
    __VERSION__: JSON.stringify(manifest.version),
  },
};

/**
 * Node's own `import()` would start its ES module loader, 5 ms and more at a cold start, and all that is
 * named by a literal here is CommonJS or built in. An `import()` of a merchant's hooks module stays.
 */
function requireLiterals(code) {
  const literal = /\bimport\(\s*(["'`])([\w@./:-]+)\1\s*\)/g;
  return code.replace(literal, (whole, _quote, specifier) => {
    if (specifier.startsWith('.')) return `Promise.resolve().then(()=>require("${specifier}"))`;
    if (!specifier.startsWith('node:') && !ABSENT.has(specifier)) return whole;
    const shape = `(m=>Object.assign({},m,{default:m}))(require("${specifier}"))`;
    return `Promise.resolve().then(()=>${shape})`;
  });
}

async function bundle({ name, folder, entry, ...rules }) {
  const result = await build({
    ...COMMON,
    ...entry,
    minify: true,
    // Class names appear in logs; everything else may be short.
    keepNames: false,
    outfile: path.join(folder, `${name}.js`),
    plugins: [houseRules({ folder, ...rules })],
  });
  return requireLiterals(result.outputFiles[0].text);
}

function driverEntry(target) {
  if (target.endsWith('.ts') || target.endsWith('.js')) return { entryPoints: [target] };
  // A package: give it the shape that Node's own `import()` would have given it.
  const name = JSON.stringify(target);
  const contents = `import * as all from ${name}; export * from ${name}; export default all["default"] ?? all;`;
  return { stdin: { contents, resolveDir: root, loader: 'js' } };
}

/** AJV's work on the schemas, done here: `scripts/standalone.ts`. */
async function compileChecks() {
  const file = path.join(root, 'scripts/standalone.ts');
  const result = await build({
    ...COMMON,
    entryPoints: [file],
    packages: 'external',
    outfile: 'x.js',
  });
  const module = new Module(file);
  module.paths = Module._nodeModulePaths(root);
  module._compile(result.outputFiles[0].text, file);
  const { standaloneSource, schemaNames } = module.exports;
  return { source: standaloneSource(), schemaNames: schemaNames() };
}

async function bundleAll() {
  const files = new Map();
  const drivers = new Drivers();
  const checks = await compileChecks();
  const errors = await build({ ...COMMON, entryPoints: [SHARED], outfile: 'errors.js' });
  files.set('errors.js', errors.outputFiles[0].text);
  for (const name of ['server', 'cli']) {
    const source = path.join('bin', `${name}.ts`);
    if (!fs.existsSync(path.join(root, source))) {
      if (name === 'server') throw new Error('bin/server.ts is not there: nothing to build');
      continue;
    }
    const entry = { entryPoints: [source] };
    files.set(`${name}.js`, await bundle({ name, folder: '', entry, drivers, checks }));
  }
  // Bundling a driver may name further ones: a Map walks on over what is added meanwhile.
  for (const [name, target] of drivers.targets) {
    const entry = driverEntry(target);
    files.set(
      `drivers/${name}.js`,
      await bundle({ name, folder: 'drivers', entry, drivers, checks }),
    );
  }
  return files;
}

/** The operator's page, by a bundler of its own: nothing of it is in what the service runs. */
async function consoleFiles() {
  // Anything else makes React's build for developers, which names files of this machine.
  process.env['NODE_ENV'] = 'production';
  const configFile = path.join(root, 'console/vite.config.mts');
  const { output } = await buildPage({ configFile, logLevel: 'warn', build: { write: false } });
  return output.map((file) => [`console/${file.fileName}`, file.code ?? file.source]);
}

function git(...args) {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio }).trim();
  } catch {
    return '';
  }
}

/** Which commit, and which bytes: the second tells two builds of an unclean tree apart. */
function buildId(files) {
  const hash = createHash('sha256');
  for (const [name, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(name + text);
  const commit = git('describe', '--always', '--dirty') || 'src';
  return `${manifest.version}+${commit}.${hash.digest('hex').slice(0, 8)}`;
}

function plainFiles() {
  const read = (name) => fs.readFileSync(path.join(root, name), 'utf8').replace(/\r\n/g, '\n');
  const { name, version, description, license, engines } = manifest;
  const own = { name, version, description, license, type: 'commonjs', main: 'index.js', engines };
  return new Map([
    ['index.js', read('index.js')],
    ['openapi.json', JSON.stringify(JSON.parse(read('docs/openapi.json')))],
    ['scf_bootstrap', read('scf_bootstrap')],
    ['drivers/phone.html', read('cli/dev/phone.html')],
    ['package.json', `${JSON.stringify({ ...own, private: true }, null, 2)}\n`],
  ]);
}

function checkSizes(files) {
  const size = (test) =>
    [...files].reduce((sum, [name, text]) => sum + (test(name) ? Buffer.byteLength(text) : 0), 0);
  const entry = size((name) => name === 'server.js' || name === 'errors.js');
  const drivers = size((name) => name.startsWith('drivers/'));
  if (entry > ENTRY_BYTES_MAX) throw new Error(`the entry bundle has ${entry} bytes`);
  if (drivers > DRIVERS_BYTES_MAX) throw new Error(`the drivers have ${drivers} bytes`);
  return { entry, drivers };
}

const COMPILE_MS_MAX = 20_000;

/** Compiled code is a convenience: a build is whole without it. */
function compile(folder) {
  const run = spawnSync(process.execPath, [path.join(root, 'scripts/compile.cjs'), folder], {
    encoding: 'utf8',
    timeout: COMPILE_MS_MAX,
    env: { PATH: process.env.PATH, TMPDIR: os.tmpdir() },
  });
  if (run.status === 0) return;
  const reason = run.stderr?.trim().split('\n')[0] ?? 'no reason given';
  process.stderr.write(`without compiled code: ${reason}\n`);
}

/** Written beside its place and moved there, so that nobody starts half a build. */
function put(files, target) {
  const fresh = `${target}.${process.pid}.tmp`;
  fs.rmSync(fresh, { recursive: true, force: true });
  for (const [name, text] of files) {
    const file = path.join(fresh, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    fs.chmodSync(file, name === 'scf_bootstrap' ? 0o755 : 0o644);
  }
  compile(fresh);
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(fresh, target);
}

async function main() {
  const started = performance.now();
  const files = await bundleAll();
  const id = buildId(files);
  for (const [name, text] of files) files.set(name, text.replaceAll(BUILD_ID, id));
  for (const [name, text] of await consoleFiles()) files.set(name, text);
  for (const [name, text] of plainFiles()) files.set(name, text);
  const { entry, drivers } = checkSizes(files);
  const target = outDir();
  put(files, target);
  const kb = (bytes) => `${Math.round(bytes / 1024)} kB`;
  const ms = Math.round(performance.now() - started);
  const names = [...files.keys()].filter((name) => name.startsWith('drivers/'));
  process.stdout.write(
    `${path.relative(root, target) || target}: build ${id}, entry ${kb(entry)}, ` +
      `${names.length} drivers ${kb(drivers)}, ${ms} ms\n`,
  );
}

main().catch((error) => {
  process.stderr.write(`build failed: ${error.message}\n`);
  process.exitCode = 1;
});
