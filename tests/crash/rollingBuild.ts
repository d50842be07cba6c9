/**
 * The build after this one, made from this one's source: it writes a field nobody knows here, adds a
 * column, and demands a newer reader where it is told to.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { builtFrom, ROOT } from '../helpers/build';

const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.data', 'coverage', 'tests']);

/** Orders whose number begins so demand a reader of version 3. */
export const DEMANDING = 'DEMAND';
/** Set for a next build that runs: its migration demands a reader of version 3. */
export const DEMANDS_SCHEMA = { NEXT_SCHEMA_DEMAND: '3' };
export const CAMPAIGN = { name: '春节', points: [1, 2, { deep: true }] };

type Edit = readonly [file: string, from: string, to: string];

const EDITS: readonly Edit[] = [
  [
    'services/ledger/record.ts',
    'export const SCHEMA_VERSION = 2;',
    'export const SCHEMA_VERSION = 3;',
  ],
  [
    'services/stores/sql/sqlSchema.ts',
    '];\n\nconst recordTable',
    `  {
    version: 3,
    min_reader: Number(process.env['NEXT_SCHEMA_DEMAND'] ?? '2'),
    statements: () => ['ALTER TABLE pay_record ADD COLUMN campaign VARCHAR(64)'],
  },
];

const recordTable`,
  ],
  [
    'services/orders/placeOrder.ts',
    "      kind: 'order',\n      no: draft.input.out_trade_no,\n",
    `      kind: 'order',
      no: draft.input.out_trade_no,
      ...(draft.input.out_trade_no.startsWith('${DEMANDING}') ? { min_reader: 3 } : {}),
      campaign: ${JSON.stringify(CAMPAIGN)},
`,
  ],
];

function edit(folder: string, [file, from, to]: Edit): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file}: no longer holds «${from}» once`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

/** The folder of the next build. */
export function buildNext(): string {
  const source = mkdtempSync(join(tmpdir(), 'pay-common-next-'));
  try {
    cpSync(ROOT, source, {
      recursive: true,
      filter: (path) => !LEFT_OUT.has(relative(ROOT, path)),
    });
    symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'));
    for (const one of EDITS) edit(source, one);
    return builtFrom('next', source);
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}
