/** What the build after this one does that this one does not know. */
import { SCHEMA_VERSION } from '../../services/ledger/record';

export const NEXT_VERSION = SCHEMA_VERSION + 1;
/** Orders whose number begins so demand a reader of the next version. */
export const DEMANDING = 'DEMAND';
/** Set for a next build that runs: its migration demands a reader of the next version. */
export const DEMANDS_SCHEMA = { NEXT_SCHEMA_DEMAND: String(NEXT_VERSION) };
export const CAMPAIGN = { name: '春节', points: [1, 2, { deep: true }] };
