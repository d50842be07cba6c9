/** The program itself: its Node, and what would keep the platform from starting the package. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fault, ok, type Finding } from './findings';

const NODE_MIN = [18, 15] as const;
const REBUILD = [
  '用 npm run build 重新生成 dist/，不要用会改动换行或权限的工具打包',
  'make dist/ anew by npm run build, and pack it with nothing that changes modes or line ends',
] as const;

export function checkProgram(folder: string, node: string): Finding[] {
  return [...nodeVersion(node), ...bootstrap(folder)];
}

function nodeVersion(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return [];
  return [
    fault('node.old', [`Node ${version} 过旧`, `Node ${version} is too old`], {
      fix: ['至少需要 Node 18.15', 'Node 18.15 or later is needed'],
    }),
  ];
}

/** Only beside a built program: the checkout is not what is deployed. */
function bootstrap(folder: string): Finding[] {
  if (!exists(join(folder, 'server.js')) || !exists(join(folder, 'index.js'))) return [];
  const file = join(folder, 'scf_bootstrap');
  if (!exists(file)) {
    const words = ['部署包中没有 scf_bootstrap', 'scf_bootstrap is not in the package'] as const;
    return [fault('package.bootstrap_missing', words, { fix: REBUILD })];
  }
  const findings = [...modeOf(file), ...linesOf(readFileSync(file, 'latin1'))];
  if (findings.length > 0) return findings;
  return [ok('package.whole', ['部署包完整', 'the package is whole'])];
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function modeOf(file: string): Finding[] {
  // Windows knows no such bit; there the tool that packs must set it.
  if (process.platform === 'win32' || (statSync(file).mode & 0o111) === 0o111) return [];
  const words = [
    'scf_bootstrap 没有执行权限（云函数报 405）',
    'scf_bootstrap may not be executed (SCF answers 405)',
  ] as const;
  return [fault('package.bootstrap_mode', words, { fix: ['chmod 755 scf_bootstrap', REBUILD[1]] })];
}

function linesOf(text: string): Finding[] {
  const found: Finding[] = [];
  if (text.includes('\r')) {
    const words = [
      'scf_bootstrap 是 CRLF 换行（云函数报 405）',
      'scf_bootstrap has CRLF line ends (SCF answers 405)',
    ] as const;
    found.push(fault('package.bootstrap_crlf', words, { fix: REBUILD }));
  }
  if (!/^#!\/bin\/bash\r?\n/.test(text) || !text.endsWith('\n')) {
    const words = [
      'scf_bootstrap 首行应为 #!/bin/bash，且以换行结尾',
      'scf_bootstrap must begin with #!/bin/bash and end with a line end',
    ] as const;
    found.push(fault('package.bootstrap_shape', words, { fix: REBUILD }));
  }
  return found;
}
