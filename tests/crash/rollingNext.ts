/** What the build after this one does that this one does not know. */
import { migrations } from '../../services/stores/sql/sqlSchema';

export const NEXT_VERSION = Math.max(...migrations.map(({ version }) => version)) + 1;
/** Orders whose number begins so demand a reader of the next version. */
export const DEMANDING = 'DEMAND';
/** Set for a next build that runs: its migration demands a reader of the next version. */
export const DEMANDS_SCHEMA = { NEXT_SCHEMA_DEMAND: String(NEXT_VERSION) };
export const CAMPAIGN = { name: '春节', points: [1, 2, { deep: true }] };
