// Writes src/artifacts from solidity/. With --check: compares instead, and fails where a file is stale.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Artifact, compile, readSources, SOLIDITY_FOLDER } from './compile.ts'

const target = fileURLToPath(new URL('../src/artifacts/', import.meta.url))

/** The compute contracts serve 0G's whole ABI: optimized for speed alone they exceed the size that EIP-170 allows. */
const COMPUTE_RUNS = 200

/** File name to content of everything that belongs into src/artifacts. */
export function renderArtifacts(sources = readSources(SOLIDITY_FOLDER)): Record<string, string> {
  const [compute, others] = [true, false].map((wanted) =>
    Object.fromEntries(Object.entries(sources).filter(([path]) => path.startsWith('compute/') === wanted)),
  )
  const artifacts = { ...compile(others ?? {}), ...compile(compute ?? {}, { runs: COMPUTE_RUNS }) }
  return Object.fromEntries(Object.entries(artifacts).map(([name, artifact]) => [`${kebab(name)}.ts`, render(name, artifact)]))
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

function render(name: string, artifact: Artifact): string {
  const camel = kebab(name).replace(/-./g, (match) => match.charAt(1).toUpperCase())
  const lines = Object.entries(artifact).map(([key, value]) => `  ${key}: ${JSON.stringify(value)},`)
  return `// Generated from solidity/ by tools/generate.ts. Do not edit.\nexport const ${camel} = {\n${lines.join('\n')}\n} as const\n`
}

function kebab(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, '-$&').toLowerCase()
}

if (import.meta.main) {
  const rendered = renderArtifacts()
  const stale = staleArtifacts(rendered)
  if (process.argv.includes('--check')) {
    if (stale.length > 0) {
      console.error(`stale: ${stale.join(', ')}; run: pnpm --filter @zerog/contracts generate`)
      process.exitCode = 1
    }
  } else {
    for (const name of readdirSync(target)) if (rendered[name] === undefined) rmSync(target + name)
    for (const [name, content] of Object.entries(rendered)) writeFileSync(target + name, content)
    console.log(`${Object.keys(rendered).length} artifacts, ${stale.length} changed`)
  }
}
