// Writes src/artifacts from solidity/. With --check: compares instead, and fails where a file is stale.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Artifact, type CompileOptions, compile, compilerInput, readSources, SOLIDITY_FOLDER } from './compile.ts'

const target = fileURLToPath(new URL('../src/artifacts/', import.meta.url))
const statementPath = join(SOLIDITY_FOLDER, 'compiled.json')

/** The compute contracts serve 0G's whole ABI: optimized for speed alone they exceed the size that EIP-170 allows. */
const COMPUTE_RUNS = 200

/** Sources that are compiled together, with their options. */
function compilations(sources = readSources(SOLIDITY_FOLDER)): readonly {
  readonly sources: Record<string, string>
  readonly options: CompileOptions
}[] {
  const part = (compute: boolean) =>
    Object.fromEntries(Object.entries(sources).filter(([path]) => path.startsWith('compute/') === compute))
  return [
    { sources: part(false), options: {} },
    { sources: part(true), options: { runs: COMPUTE_RUNS } },
  ]
}

/** File name to content of everything that belongs into src/artifacts. */
export function renderArtifacts(sources?: Record<string, string>): Record<string, string> {
  const files = compilations(sources).map((one) => rendered(compile(one.sources, one.options)))
  return Object.assign({}, ...files)
}

/** The same for one contract alone, at the cost of one: `path` below solidity/. */
export function renderArtifact(path: string): Record<string, string> {
  const name = path.slice(path.lastIndexOf('/') + 1, -'.sol'.length)
  const one = compilations().find(({ sources }) => path in sources)
  if (one === undefined) throw new Error(`there is no ${path} below solidity/`)
  return rendered(compile(one.sources, { ...one.options, only: [path, name] }))
}

/** Names of files in src/artifacts that differ from what the sources give. */
export function staleArtifacts(rendered: Record<string, string>): string[] {
  const present = readdirSync(target)
  const surplus = present.filter((name) => rendered[name] === undefined)
  const changed = Object.keys(rendered).filter(
    (name) => !existsSync(target + name) || readFileSync(target + name, 'utf8') !== rendered[name],
  )
  return [...surplus, ...changed]
}

/** Digests of all that the artifacts are made from, and of the artifacts. */
type Statement = { readonly compiler: string; readonly inputs: string; readonly artifacts: string }

/**
 * Stands in solidity/compiled.json as of the last compilation. Whoever changes a source, a setting, the compiler or an artifact without
 * compiling changes one side of it: that is found without the compiler.
 */
export function statement(
  of: { readonly sources?: Record<string, string>; readonly artifacts?: Record<string, string> } = {},
): Statement {
  const present = () => Object.fromEntries(readdirSync(target).map((name) => [name, readFileSync(target + name, 'utf8')]))
  const inputs = compilations(of.sources).map((one) => compilerInput(one.sources, one.options))
  const tools = ['compile.ts', 'generate.ts'].map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  const { version } = createRequire(import.meta.url)('solc/package.json') as { version: string } // a package has one
  return { compiler: `solc ${version}`, inputs: digest([inputs, tools]), artifacts: digest(sorted(of.artifacts ?? present())) }
}

export function writtenStatement(): unknown {
  return existsSync(statementPath) ? JSON.parse(readFileSync(statementPath, 'utf8')) : undefined
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

function sorted(files: Record<string, string>): readonly (readonly [string, string])[] {
  return Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
}

function rendered(artifacts: Record<string, Artifact>): Record<string, string> {
  return Object.fromEntries(Object.entries(artifacts).map(([name, artifact]) => [`${kebab(name)}.ts`, render(name, artifact)]))
}

function render(name: string, artifact: Artifact): string {
  const camel = kebab(name).replace(/-./g, (match) => match.charAt(1).toUpperCase())
  const lines = Object.entries(artifact).map(([key, value]) => `  ${key}: ${JSON.stringify(value)},`)
  return `// Generated from solidity/ by tools/generate.ts. Do not edit.\nexport const ${camel} = {\n${lines.join('\n')}\n} as const\n`
}

function kebab(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, '-$&').toLowerCase()
}

if (import.meta.main) {
  const files = renderArtifacts()
  const stale = staleArtifacts(files)
  const stated = JSON.stringify(statement({ artifacts: files }), null, 2)
  if (process.argv.includes('--check')) {
    if (JSON.stringify(writtenStatement(), null, 2) !== stated) stale.push('solidity/compiled.json')
    if (stale.length > 0) {
      console.error(`stale: ${stale.join(', ')}; run: pnpm --filter @zerog/contracts generate`)
      process.exitCode = 1
    }
  } else {
    for (const name of readdirSync(target)) if (files[name] === undefined) rmSync(target + name)
    for (const [name, content] of Object.entries(files)) writeFileSync(target + name, content)
    writeFileSync(statementPath, `${stated}\n`)
    console.log(`${Object.keys(files).length} artifacts, ${stale.length} changed`)
  }
}
