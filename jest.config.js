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
  // One more than cores on a small machine: much of the suite waits for sockets and disks.
  maxWorkers: Math.max(3, require('node:os').cpus().length - 1),
  // A worker that has grown this far starts again before its next file: what files leave behind does not add up.
  workerIdleMemoryLimit: '1GB',
  // A bound on hanging, not a measure of speed: docs/testing.md. It is above that of tests/helpers/waiting.ts.
  testTimeout: 1_200_000,
};
