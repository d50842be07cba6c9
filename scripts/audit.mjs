/**
 * `npm run audit`: known vulnerabilities of what is deployed. Many mirrors do not answer audits, which proves nothing:
 * the script says so, and the check goes on. Before a release it must not go on: `npm run audit -- --required` fails
 * when no registry answers.
 */
import { spawnSync } from 'node:child_process';

const args = ['audit', '--omit=dev', '--audit-level=high', '--json'];
const TIMEOUT_MS = 60_000;
const windows = process.platform === 'win32';
const run = spawnSync(windows ? 'npm.cmd' : 'npm', args, {
  encoding: 'utf8',
  timeout: TIMEOUT_MS,
  shell: windows,
});

function reportOf(text) {
  try {
    const start = text.indexOf('{');
    return start < 0 ? undefined : JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
}

const counts = reportOf(run.stdout ?? '')?.metadata?.vulnerabilities;
if (counts === undefined) {
  console.log(
    'audit: NOT ASKED. The package registry gave no answer to an audit; nothing is known.',
  );
  console.log('audit: before a release: `npm run audit -- --required`, with one that does.');
  process.exit(process.argv.includes('--required') ? 1 : 0);
}
const { critical = 0, high = 0, moderate = 0, low = 0 } = counts;
console.log(`audit: critical ${critical}, high ${high}, moderate ${moderate}, low ${low}`);
if (critical + high > 0) {
  for (const [name, found] of Object.entries(reportOf(run.stdout)?.vulnerabilities ?? {})) {
    if (/^(high|critical)$/.test(found.severity)) console.log(`audit: ${found.severity} ${name}`);
  }
  process.exit(1);
}
