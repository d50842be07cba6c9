/** The audit of dependencies: fails on a hole, passes on none, and says so when it could not ask. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const script = path.resolve(__dirname, '../../scripts/audit.mjs');
const unix = process.platform === 'win32' ? test.skip : test;

/** Runs it with an `npm` of ours that says this. */
function audit(said: string, ...args: string[]): { code: number | null; text: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'audit-'));
  try {
    const npm = path.join(folder, 'npm');
    writeFileSync(npm, `#!/bin/sh\ncat <<'END'\n${said}\nEND\nexit 1\n`);
    chmodSync(npm, 0o755);
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH ?? ''}` };
    const { status, stdout } = spawnSync(process.execPath, [script, ...args], {
      encoding: 'utf8',
      env,
    });
    return { code: status, text: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const report = (high: number): string =>
  JSON.stringify({
    vulnerabilities: high > 0 ? { 'bad-package': { severity: 'high' } } : {},
    metadata: { vulnerabilities: { critical: 0, high, moderate: 3, low: 1 } },
  });

unix('a hole of high severity fails and is named', () => {
  expect(audit(report(1))).toMatchObject({ code: 1, text: expect.stringContaining('bad-package') });
});

unix('lesser ones are counted and pass', () => {
  expect(audit(report(0))).toMatchObject({ code: 0, text: expect.stringContaining('moderate 3') });
});

unix.each(['', 'npm error 404', '{"error":{"code":"ENOTFOUND"}}'])(
  'no answer (%j) is said, and fails where one is required',
  (said) => {
    const text: unknown = expect.stringContaining('NOT ASKED');
    expect(audit(said)).toMatchObject({ code: 0, text });
    expect(audit(said, '--required')).toMatchObject({ code: 1, text });
  },
);
