import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { LAYERS } from './helm.ts'

const ROOT = join(import.meta.dirname, '../..')

type Target = { readonly calls?: readonly string[]; readonly calledBy?: readonly string[]; readonly needs?: readonly string[] }
type Values = { readonly global: unknown; readonly targets: Readonly<Record<string, Target>> }

const values = new Map(
  LAYERS.map((layer) => [layer, parse(readFileSync(join(ROOT, 'helm', layer, 'values.yaml'), 'utf8')) as Values]),
)
const targets = new Map([...values.values()].flatMap((layer) => Object.entries(layer.targets)))

/** Targets that the code of a service asks for clients of. */
function calledInCode(layer: string): Set<string> {
  const files = readdirSync(join(ROOT, 'services', layer, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const text = files.map((file) => readFileSync(join(ROOT, 'services', layer, 'src', file), 'utf8')).join('\n')
  const named = [...text.matchAll(/(?:\.client\([\w.]+,\s*|const TARGET = )'([a-z-]+)'/g)].map(([, target]) => target as string)
  // The port of the chain goes to whichever of the two there is.
  const chain = /\.chain\(\)|ChainInstances/.test(text) ? ['chain-rpc'] : []
  const replicas = layer === 'gateway' ? ['chain-validator'] : []
  return new Set([...named, ...chain, ...replicas])
}

test('whom a target calls and who is let in are the same edges', () => {
  const calls = [...targets].flatMap(([caller, { calls = [] }]) => calls.map((callee) => `${caller} -> ${callee}`))
  const calledBy = [...targets].flatMap(([callee, { calledBy = [] }]) => calledBy.map((caller) => `${caller} -> ${callee}`))
  expect(calls.length).toBeGreaterThan(15)
  expect(calledBy.sort()).toEqual(calls.sort())
})

test.each(LAYERS)('the charts of layer %s open what its code calls, and nothing more', (layer) => {
  const inCode = calledInCode(layer)
  const inChart = new Set(Object.values(values.get(layer)?.targets ?? {}).flatMap(({ calls = [] }) => calls))
  expect([...inChart].sort()).toEqual([...inCode].sort())
})

test('all charts have the same defaults for the whole installation', () => {
  const umbrella = parse(readFileSync(join(ROOT, 'helm/zerog/values.yaml'), 'utf8')) as Values
  for (const layer of values.values()) expect(layer.global).toEqual(umbrella.global)
  const { topology } = umbrella.global as { topology: Record<string, unknown> }
  expect(Object.keys(topology).sort()).toEqual([...targets.keys()].sort())
})

test('the schemas of the values are what their generator makes', () => {
  execFileSync(process.execPath, [join(ROOT, 'tools/helm-schemas.ts'), '--check'], { stdio: 'pipe' })
})
