/**
 * The words of jest that the tests of this folder use, for mocha: `npm run test:mutation` runs them thousands of times,
 * and mocha loads them once, where jest would load them anew each time.
 */
const { expect } = require('expect');
const { bind } = require('jest-each');
require('tsx/cjs');

// Mocha sets its own words after this file was read: these are put beside them when they appear.
function word(name, dress) {
  let value;
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => value,
    set(given) {
      value = given && dress(given);
    },
  });
}
const withEach = (supportsDone) => (given) =>
  given.each ? given : Object.assign(given, { each: bind(given, supportsDone) });
word('describe', withEach(false));
word('it', (given) => {
  globalThis.test = withEach(true)(given);
  return given;
});
globalThis.expect = expect;
