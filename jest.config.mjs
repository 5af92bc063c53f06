import { fileURLToPath } from 'node:url'

const rootDir = fileURLToPath(new URL('.', import.meta.url))

/** One project per kind of test, one jest run for all. */
const project = (displayName, testMatch) => ({
  displayName,
  rootDir,
  testMatch: testMatch.map((glob) => `<rootDir>/${glob}`),
  testEnvironment: 'node',
  // Guarantees, not speed: a busy machine must not fail a test. What must be fast has a bench.
  testTimeout: 180_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript', explicitResourceManagement: true }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/.zerog/', '<rootDir>/.turbo/'],
})

export default {
  rootDir,
  maxWorkers: 2,
  testTimeout: 180_000,
  projects: [
    project('unit', ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'tools/**/*.test.ts']),
    project('integration', ['packages/*/test/**/*.test.ts', 'services/*/test/**/*.test.ts']),
    project('checks', ['tests/checks/**/*.test.ts']),
    project('sim', ['tests/sim/**/*.test.ts']),
    project('charts', ['tests/charts/**/*.test.ts', 'tests/deploy/**/*.test.ts']),
    project('e2e', ['tests/e2e/**/*.test.ts']),
  ],
}
