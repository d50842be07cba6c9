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

function readCompiled(file) {
  try {
    return fs.readFileSync(compiledFile(file));
  } catch {
    return undefined;
  }
}

/**
 * As `require(file)`, with the compiled code at hand: half the time of a cold start (decision 0003).
 * V8 itself refuses compiled code that is not of this source and this version.
 */
function load(file) {
  const Module = require('node:module');
  const vm = require('node:vm');
  const script = new vm.Script(Module.wrap(fs.readFileSync(file, 'utf8')), {
    filename: file,
    cachedData: readCompiled(file),
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
  return { exports: module.exports, script };
}

/**
 * Young objects get room, but not without end. Left alone V8 gives them three times 16 MiB under load, of which
 * 25 MiB stay with the process; held at its first 1 MiB, a fifth of all time goes into collecting what
 * was about to die anyway. In between lies `YOUNG_BYTES`, and V8 has no setting for it once it runs: so the
 * factor by which it grows is 2 below, and 1 from there on.
 */
const YOUNG_BYTES = 16 * 1024 * 1024;
const YOUNG_LOOK_MS = 100;

/**
 * Functions live minutes: code is made quick sooner than V8 would, and with less copied into each other, which
 * takes an eighth off the processor time of the first thousands of requests (docs/performance.md). Later versions
 * have a compiler in between that does this by itself, and do not know the first flag.
 */
const COMPILE_SOONER = ['--interrupt-budget=15000', '--max-inlined-bytecode-size-cumulative=400'];
const COMPILE_SOONER_UP_TO = 20;

/** Not before it listens: the start runs everything once, and would be compiled for nothing. */
function compileSooner() {
  if (Number(process.versions.node.split('.', 1)[0]) > COMPILE_SOONER_UP_TO) return;
  const v8 = require('node:v8');
  COMPILE_SOONER.forEach((flag) => v8.setFlagsFromString(flag));
}

/** @param youngBytes  A program that answers nobody, as the command line, can do with less. */
function setFlags(youngBytes = YOUNG_BYTES) {
  const v8 = require('node:v8');
  const look = () => {
    const young = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    const room = young === undefined || young.space_size < youngBytes;
    v8.setFlagsFromString(`--semi-space-growth-factor=${room ? 2 : 1}`);
  };
  look();
  setInterval(look, YOUNG_LOOK_MS).unref();
}

/** Starts the service on PORT. Resolves when it listens. */
async function start() {
  setFlags();
  const file = serverFile();
  if (file === undefined) {
    process.stderr.write(MISSING.join('\n'));
    process.exitCode = 1;
    return;
  }
  if (fs.existsSync(compiledFile(file))) {
    await load(file).exports.main();
    compileSooner();
    return;
  }
  // Node 22 and later compile once by themselves. Never in a folder that others may write to:
  // compiled code is code.
  require('node:module').enableCompileCache?.(path.join(path.dirname(file), '.cache'));
  await require(file).main();
  compileSooner();
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

module.exports = { main, start, load, setFlags, compiledFile };

if (require.main === module) {
  start().catch((error) => {
    const code = error?.code ?? error?.name ?? 'Error';
    process.stderr.write(`${code}: cannot start\n${error?.stack}\n`);
    process.exit(1);
  });
}
