/**
 * Changed records keep one hidden class, however many are made: in Node 18 and 20 an object spread first and then
 * given a new key has a class of its own, which costs 700 bytes and all that compiled code knows of it
 * (docs/performance.md).
 */
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { nextVersion } from '../../services/ledger/decision';
import type { OrderRecord } from '../../services/ledger/record';
import { anOrder } from '../helpers/storeRecords';

setFlagsFromString('--allow-natives-syntax');
afterAll(() => {
  setFlagsFromString('--no-allow-natives-syntax');
});
const sameClass = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (
  a: object,
  b: object,
) => boolean;

it('has one hidden class for all records that got the same new key', () => {
  const text = JSON.stringify(anOrder('SHAPE', { state: 'CREATED' }));
  const at = 1_780_000_000_000;
  const entry = { at, what: 'prepay', source: 'reply', proof: 'signature' } as const;
  const make = (): OrderRecord =>
    nextVersion(JSON.parse(text) as OrderRecord, entry, { prepay: { at, prepay_id: 'wx01' } });
  // The first few teach V8 what comes.
  const made = Array.from({ length: 60 }, make).slice(30);
  expect(made.filter((one) => !sameClass(one, made[0] as OrderRecord))).toEqual([]);
});
