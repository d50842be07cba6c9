/** The program itself: its Node version, and what would keep the platform from starting the package. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { found, type Finding } from './findings';

const NODE_MIN = [18, 15] as const;

export function checkProgram(folder: string, node: string): Finding[] {
  return [...nodeVersion(node), ...bootstrap(folder)];
}

function nodeVersion(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return [];
  return [found('node.old', { params: { version } })];
}

/** Only beside a built program: the checkout is not what is deployed. */
function bootstrap(folder: string): Finding[] {
  if (!exists(join(folder, 'server.js')) || !exists(join(folder, 'index.js'))) return [];
  const file = join(folder, 'scf_bootstrap');
  if (!exists(file)) return [found('package.bootstrap_missing')];
  const findings = [...modeOf(file), ...linesOf(readFileSync(file, 'latin1'))];
  return findings.length > 0 ? findings : [found('package.whole')];
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function modeOf(file: string): Finding[] {
  // Windows has no such bit; there the packing tool must set it.
  if (process.platform === 'win32' || (statSync(file).mode & 0o111) === 0o111) return [];
  return [found('package.bootstrap_mode')];
}

function linesOf(text: string): Finding[] {
  const starts = /^#!\/bin\/bash\r?\n/.test(text) && text.endsWith('\n');
  return [
    ...(text.includes('\r') ? [found('package.bootstrap_crlf')] : []),
    ...(starts ? [] : [found('package.bootstrap_shape')]),
  ];
}
