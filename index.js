/**
 * The platform's entry, in the checkout and in dist/ alike. Requiring it opens nothing; running it
 * (`node index.js`, as scf_bootstrap does) starts the built service.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const MISSING = ['尚未构建：请先运行 npm run build', 'Not built yet: run npm run build first', ''];

function serverFile() {
  const places = [path.join(__dirname, 'server.js'), path.join(__dirname, 'dist', 'server.js')];
  return places.find((file) => fs.existsSync(file));
}

/** Compiled code for exactly this Node, written by the build beside the source; absent for others. */
function compiledFile(file) {
  return `${file}.${process.version}-${process.arch}.v8`;
}

const DIGEST_BYTES = 32;
const digestOf = (source) => require('node:crypto').createHash('sha256').update(source).digest();

/** Compiled code as it is kept: which source it is of, then the code. */
function sealCompiled(source, code) {
  return Buffer.concat([digestOf(source), code]);
}

/**
 * The compiled code, if it is of exactly this source. V8 itself only compares the length of the source: it would
 * run the old code in the place of an edited file of equal length.
 */
function readCompiled(file, source) {
  let sealed;
  try {
    sealed = fs.readFileSync(compiledFile(file));
  } catch {
    return undefined;
  }
  const own = sealed.subarray(0, DIGEST_BYTES).equals(digestOf(source));
  return own ? sealed.subarray(DIGEST_BYTES) : undefined;
}

/** As `require(file)`, with the compiled code at hand: half the time of a cold start (decision 0003). */
function load(file) {
  const Module = require('node:module');
  const vm = require('node:vm');
  const source = fs.readFileSync(file);
  const script = new vm.Script(Module.wrap(source.toString('utf8')), {
    filename: file,
    cachedData: readCompiled(file, source),
  });
  const module = { exports: {} };
  const run = script.runInThisContext();
  run.call(
    module.exports,
    module.exports,
    Module.createRequire(file),
    module,
    file,
    path.dirname(file),
  );
  return { exports: module.exports, script, source };
}

/**
 * Functions live minutes: code is made quick sooner than V8 would, and with less copied into each other, which takes
 * a fifth off the processor time of the first thousands of requests (docs/performance.md). Later versions have a
 * compiler in between that does this by itself, and do not know the first flag.
 */
const COMPILE_SOONER = ['--interrupt-budget=15000', '--max-inlined-bytecode-size-cumulative=150'];
const COMPILE_SOONER_UP_TO = 20;

/** Few young objects are alive at any moment: starting helper threads takes longer than collecting them on one. */
const COLLECT_ALONE = '--no-parallel-scavenge';

/** Not before it listens: the start runs everything once, and would be compiled for nothing. */
function tune() {
  const v8 = require('node:v8');
  v8.setFlagsFromString(COLLECT_ALONE);
  if (Number(process.versions.node.split('.', 1)[0]) > COMPILE_SOONER_UP_TO) return;
  COMPILE_SOONER.forEach((flag) => v8.setFlagsFromString(flag));
}

/** Starts the service on PORT. Resolves when it listens. */
async function start() {
  const file = serverFile();
  if (file === undefined) {
    process.stderr.write(MISSING.join('\n'));
    process.exitCode = 1;
    return;
  }
  if (fs.existsSync(compiledFile(file))) {
    await load(file).exports.main();
  } else {
    // Node 22 and later compile once by themselves. Never in a folder that others may write to:
    // compiled code is code.
    require('node:module').enableCompileCache?.(path.join(path.dirname(file), '.cache'));
    await require(file).main();
  }
  tune();
}

/**
 * What an Event function would call. The service is an HTTP function: being called here means that
 * the function was created, or deployed by the developer tools, with the wrong type.
 */
async function main() {
  return {
    code: -1,
    error: 'ROUTE_NOT_FOUND',
    msg:
      '本服务是 HTTP 云函数，请以 HTTP 方式调用，并确认函数类型为 HTTP / ' +
      'This is an HTTP function: call it over HTTP, and check that its type is HTTP',
    data: null,
  };
}

module.exports = { main, start, load, compiledFile, sealCompiled };

if (require.main === module) {
  start().catch((error) => {
    const code = error?.code ?? error?.name ?? 'Error';
    process.stderr.write(`${code}: cannot start\n${error?.stack}\n`);
    process.exit(1);
  });
}
