/**
 * The corpora that run on the service assembled from source, on the built one: every field, every role, prepared
 * orders, broken connections. The longer ones (callbacks, replies, limits) run so too: `STAGE=built npx jest
 * tests/security/callbacks`.
 */
import '../security/support/built';

const CORPORA = ['abuse', 'fields', 'prepared', 'roles'] as const;

// Required, not imported: what a corpus does before and after its tests is its own alone.
describe.each(CORPORA)('%s', (name) => {
  jest.requireActual(`../security/${name}.test`);
});
