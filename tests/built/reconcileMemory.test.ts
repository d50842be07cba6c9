/**
 * A day's books in constant memory: the built program, as a process of its own with Node's defaults, over a
 * real database and signed bills. What a row costs shows long before a million of them (bench/reconcileProgram.ts
 * measures those; docs/reconciliation.md tells): a program that held rows, or let garbage pile up behind
 * them, would be past these bounds.
 */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { measure } from '../../bench/reconcileProgram';
import { ROOT, unpackBuilt } from '../helpers/build';

const unpacked = unpackBuilt();
beforeAll(() => {
  symlinkSync(join(ROOT, 'node_modules'), join(unpacked.folder, 'node_modules'));
});
afterAll(unpacked.remove);

/** 150 MB are promised for a million rows: what is kept of those, in its table, is 20 MB of it. */
const BOUND_MIB = 150e6 / 1024 ** 2 - 20;
/** 100,000 rows in the table take 2 MiB; V8's young generation, bounded, finds its size meanwhile: 18 in all. */
const GROWTH_MIB = 25;

// The peak of a process is told by Linux alone.
const onLinux = existsSync('/proc/self/status') ? test : test.skip;

onLinux(
  'six times the rows take no more memory, and less than was promised for many more',
  async () => {
    const few = await measure(20_000, 'cli', unpacked.folder);
    const many = await measure(120_000, 'cli', unpacked.folder);
    expect(few.report).toMatchObject({ compared: 19_999, unresolved: 2, fund_bill: 'compared' });
    expect(many.report).toMatchObject({ compared: 119_994, unresolved: 12, fund_bill: 'compared' });
    expect(few.peakMiB).toBeGreaterThan(40);
    expect(many.peakMiB).toBeLessThan(BOUND_MIB);
    expect(many.peakMiB - few.peakMiB).toBeLessThan(GROWTH_MIB);
  },
);
