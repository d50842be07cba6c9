/** The companion's own cloudbaserc.json: what is deployed is this folder, with what its code reads. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = join(__dirname, '../../examples/sweep-timer');
const code = readFileSync(join(folder, 'index.js'), 'utf8');
const rc = JSON.parse(readFileSync(join(folder, 'cloudbaserc.json'), 'utf8')) as {
  functionRoot: string;
  functions: {
    name: string;
    type: string;
    handler: string;
    runtime: string;
    timeout: number;
    envVariables: Record<string, string>;
    triggers: { type: string; config: string }[];
  }[];
};
const [fn] = rc.functions;

test('one Event function, whose folder and handler are there', () => {
  expect(rc.functions).toHaveLength(1);
  expect(fn).toMatchObject({ type: 'Event', runtime: 'Nodejs18.15', handler: 'index.main' });
  expect(resolve(folder, rc.functionRoot, fn?.name ?? '')).toBe(resolve(folder));
  expect(existsSync(join(folder, 'index.js'))).toBe(true);
  expect(code).toMatch(/^exports\.main = /m);
});

test('it is given each variable that its code reads, and no other', () => {
  const destructured = /const \{([^}]*)\} = process\.env/.exec(code)?.[1] ?? '';
  const read = [
    ...destructured.split(',').map((name) => name.trim()),
    ...[...code.matchAll(/process\.env\.(\w+)/g)].map(([, name]) => name ?? ''),
  ].filter((name) => name !== '');
  expect(Object.keys(fn?.envVariables ?? {}).sort()).toEqual([...new Set(read)].sort());
  for (const [name, value] of Object.entries(fn?.envVariables ?? {})) {
    expect(value).toBe(`{{env.${name}}}`);
  }
});

test('it runs each minute, and stops by itself before the platform stops it', () => {
  expect(fn?.triggers).toEqual([{ name: 'everyMinute', type: 'timer', config: '0 * * * * * *' }]);
  const milliseconds = (name: string): number =>
    Number(new RegExp(`const ${name} = ([\\d_]+);`).exec(code)?.[1]?.replaceAll('_', ''));
  expect(milliseconds('TOTAL_MS')).toBeLessThan((fn?.timeout ?? 0) * 1000);
  // A call of the sweep answers within 10 s.
  expect(milliseconds('CALL_MS')).toBeGreaterThan(10_000);
});
