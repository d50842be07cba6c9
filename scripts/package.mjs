/**
 * `npm run package [-- --out DIR]`: one zip to upload, complete without node_modules. Made anywhere, Windows too, it is the
 * same: modes, line ends, order and times of its files do not depend on the machine, so its hash says what it is.
 */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { name: packageName, version } = JSON.parse(
  fs.readFileSync(path.join(root, 'package.json'), 'utf8'),
);

const UNIX = 3;
const REGULAR_FILE = 0o100000;
/** The platform runs it by itself: without this bit every call is answered 405. */
const EXECUTABLE = 'scf_bootstrap';
/** The earliest moment a zip can hold. */
const MADE_AT = new Date(1980, 0, 1);

function outDir() {
  const at = process.argv.indexOf('--out');
  return path.resolve(root, at < 0 ? 'out' : (process.argv[at + 1] ?? 'out'));
}

/** The build in a folder of its own: a `dist/` that somebody works with stays as it is. */
function build() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pay-common-package-'));
  const dist = path.join(folder, 'dist');
  const script = path.join(root, 'scripts/build.mjs');
  execFileSync(process.execPath, [script, '--out', dist], { cwd: root, stdio: 'inherit' });
  return { folder, dist };
}

/** Names below a folder, with `/`, in one order everywhere. What V8 compiled here is of no use elsewhere. */
function filesIn(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.v8'))
    .map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)))
    .map((name) => name.split(path.sep).join('/'))
    .sort();
}

/** What is inside, as CycloneDX: the packages that the build may bundle, without the moment and number of this run. */
function billOfMaterials() {
  const npm = process.env['npm_execpath'];
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const made = execFileSync(
    command,
    [...args, 'sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const { serialNumber, ...bill } = JSON.parse(made);
  delete bill.metadata?.timestamp;
  delete bill.metadata?.tools;
  // npm says the name of the folder here.
  bill.metadata.component.name = packageName;
  return `${JSON.stringify(bill, null, 2)}\n`;
}

const entry = (name, bytes) => [
  name,
  [
    bytes,
    {
      os: UNIX,
      attrs: (REGULAR_FILE | (name === EXECUTABLE ? 0o755 : 0o644)) << 16,
      mtime: MADE_AT,
      level: 9,
    },
  ],
];

function main() {
  const { folder, dist } = build();
  const files = filesIn(dist).map((name) => entry(name, fs.readFileSync(path.join(dist, name))));
  fs.rmSync(folder, { recursive: true, force: true });
  files.push(entry('sbom.cdx.json', Buffer.from(billOfMaterials())));
  const zip = zipSync(Object.fromEntries(files));
  const hash = createHash('sha256').update(zip).digest('hex');
  const out = outDir();
  const name = `pay-common-${version}.zip`;
  fs.mkdirSync(out, { recursive: true });
  fs.writeFileSync(path.join(out, name), zip);
  fs.writeFileSync(path.join(out, `${name}.sha256`), `${hash}  ${name}\n`);
  const kb = Math.round(zip.length / 1024);
  process.stdout.write(
    `${path.join(path.relative(root, out) || '.', name)}: ${files.length} files, ${kb} kB\n` +
      `sha256 ${hash}\n`,
  );
}

main();
