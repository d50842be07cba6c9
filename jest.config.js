/** Tests run the TypeScript as it stands; types are checked by `npm run types`. */
module.exports = {
  testEnvironment: 'node',
  // What a run makes once, the build above all, lies in one folder for all workers.
  globalSetup: '<rootDir>/tests/helpers/runFolder.ts',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  // Two at least: much of the suite waits on sockets and disks, on a machine of two cores too.
  maxWorkers: Math.max(2, require('node:os').cpus().length - 1),
  // A bound on hanging, not a measure of speed: docs/testing.md. It is above that of tests/helpers/waiting.ts.
  testTimeout: 1_200_000,
};
