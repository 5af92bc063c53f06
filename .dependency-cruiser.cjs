// The direction of imports (ARCHITECTURE.md). tests/checks/boundaries.test.ts plants violations and requires that each is caught.
const service = '^services/([^/]+)/src'
const tests = '\\.test\\.ts$|/test/|/suite\\.ts$|/testing\\.ts$'
const builtin = ['core']

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'must-resolve', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-is-pure',
      comment: 'core/ has no I/O, no vendor code and knows nothing of app and adapters',
      severity: 'error',
      from: { path: `${service}/core/`, pathNot: tests },
      to: {
        pathNot: ['^services/$1/src/(core/|limits\\.ts)', '^packages/(primitives|erasure|consensus|availability|evidence)/src'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'core-knows-only-core',
      comment: 'also by type: core/ may take types from pure packages, never from app/ or adapters/',
      severity: 'error',
      from: { path: `${service}/core/`, pathNot: tests },
      to: { path: `${service}/(app|adapters|module|main|config)` },
    },
    {
      name: 'app-has-no-vendor',
      comment: 'app/ orchestrates through ports: no vendor packages, no node builtins, no adapters',
      severity: 'error',
      from: { path: `${service}/app/`, pathNot: tests },
      to: {
        path: `${service}/(adapters|module|main)|^packages/(adapters|runtime)/src|node_modules`,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'app-has-no-builtins',
      severity: 'error',
      from: { path: `${service}/app/`, pathNot: tests },
      to: { dependencyTypes: builtin },
    },
    {
      name: 'adapters-know-no-module',
      severity: 'error',
      from: { path: `${service}/adapters/`, pathNot: tests },
      to: { path: `${service}/(module|main)\\.ts` },
    },
    {
      name: 'service-never-imports-service',
      severity: 'error',
      from: { path: service, pathNot: tests },
      to: { path: service, pathNot: '^services/$1/' },
    },
    {
      name: 'only-the-module-of-a-service',
      comment: 'the command starts services through the public entry of their packages, nothing else',
      severity: 'error',
      from: { path: '^packages/', pathNot: tests },
      to: { path: service, pathNot: '^services/[^/]+/src/module\\.ts$' },
    },
    {
      name: 'only-the-command-knows-services',
      severity: 'error',
      from: { path: '^packages/(?!cli/)', pathNot: tests },
      to: { path: '^services/' },
    },
    {
      name: 'pure-packages',
      comment: 'no node builtins: they run in browsers and in the simulator',
      severity: 'error',
      from: { path: '^packages/(primitives|ports|consensus|erasure|availability|evidence|verifier)/src', pathNot: tests },
      to: { dependencyTypes: builtin },
    },
    {
      name: 'primitives-are-low',
      severity: 'error',
      from: { path: '^packages/(primitives|kernels|ports|proto)/src', pathNot: tests },
      to: { path: '^packages/(adapters|runtime|evm|sdk|cli|sim|contracts)/src' },
    },
    {
      name: 'sdk-knows-no-server',
      severity: 'error',
      from: { path: '^packages/sdk/src', pathNot: tests },
      to: { path: '^packages/(adapters|runtime|evm|cli|sim)/src|^services/' },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'packages/kernels/assembly|\\.wasm\\.ts$' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
}
