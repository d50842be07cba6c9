/** docs/simulator.md names what there is and nothing else: switches with their defaults, faults, control calls. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELP } from '../../simulator/main';
import { defaultSwitches } from '../../simulator/switches';

const root = join(__dirname, '../..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const doc = read('docs/simulator.md');
const section = (title: string): string => doc.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const ticked = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, one]) => one!);
/** The names of a union of texts, as its source has them: types are gone when a test runs. */
const union = (name: string): string[] => {
  const source = read('simulator/types.ts').split(`export type ${name} =`)[1]?.split(';')[0] ?? '';
  return [...source.matchAll(/'(\w+)'/g)].map(([, one]) => one!);
};

describe('switches', () => {
  const switches: Readonly<Record<string, unknown>> = { ...defaultSwitches() };
  const rows = [...section('Switches').matchAll(/^\| (`.*?) \| (.*) \|$/gm)].map(
    ([, names = '', values = '']) => ({ names: ticked(names), values }),
  );

  it('are all there, and no others', () => {
    expect(rows.flatMap(({ names }) => names).sort()).toEqual(Object.keys(switches).sort());
  });

  it.each(rows)('$names: the default is named', ({ names, values }) => {
    for (const name of names) {
      const value = String(switches[name]);
      if (value === '') expect(values).toContain('empty');
      else expect(ticked(values)).toContain(value);
    }
    // With one switch in the row its default comes first.
    if (names.length === 1 && !values.startsWith('empty')) {
      expect(ticked(values)[0]).toBe(String(switches[names[0] ?? '']));
    }
  });
});

describe('faults', () => {
  const [requests = '', callbacks = ''] = section('Faults').split('`callbackFaults.add');

  it('of requests', () => {
    const rows = [...requests.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names = '']) =>
      ticked(names),
    );
    expect(rows.sort()).toEqual(union('FaultKind').sort());
  });

  it('of callbacks', () => {
    const named = new Set(ticked(`\`${callbacks}`));
    for (const kind of union('CallbackFaultKind')) expect(named).toContain(kind);
  });
});

it('every control call is named, and no other', () => {
  const source = read('simulator/control.ts');
  const calls = [...source.matchAll(/'(?:GET|POST) \/_sim\/(\w+)'/g)].map(([, name]) => name!);
  expect(calls.length).toBeGreaterThan(10);
  const text = section('Over HTTP');
  for (const name of calls) expect(text).toMatch(new RegExp(`[\`/]${name}\\b`));
});

it('every option of the command line is named, and no other', () => {
  const options = (text: string): string[] => [...new Set(text.match(/--[a-z][a-z-]+/g))].sort();
  expect(options(section('Run it'))).toEqual(options(HELP));
});
