import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { findTool } from './tools.ts'

const ROOT = join(import.meta.dirname, '../..')

export type Manifest = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly [field: string]: any
}

export const findHelm = (): string | undefined => findTool('helm')

/** Charts in a temporary folder with their local dependencies built, so that the tree stays as it is. */
export function openCharts(helm: string) {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-charts-'))
  cpSync(join(ROOT, 'helm'), folder, { recursive: true })
  const run = (...args: readonly string[]): string =>
    execFileSync(helm, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: folder } })
  const templateAs = (release: string, chart: string, ...args: readonly string[]): Manifest[] =>
    parseAllDocuments(run('template', release, join(folder, chart), '--namespace', 'zerog', ...VERSION, ...args))
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null)
  for (const chart of [...LAYERS, 'zerog']) run('dependency', 'build', join(folder, chart))
  return {
    folder,
    lint: (chart: string, ...args: readonly string[]) => run('lint', '--strict', join(folder, chart), ...VERSION, ...args),
    /** Rendered objects; throws with helm's message where it refuses. */
    template: (chart: string, ...args: readonly string[]): Manifest[] => templateAs('zg', chart, ...args),
    templateAs,
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A helm from `go install` thinks of an old cluster unless told. */
const VERSION = ['--kube-version', '1.35.0'] as const

export type Charts = ReturnType<typeof openCharts>

export const LAYERS = ['chain', 'storage', 'da', 'compute', 'gateway'] as const

/** What makes a network of its own, whichever layers are installed. */
export const OWN_GENESIS = [
  '--set',
  'global.chainId=4242',
  '--set-string',
  'global.owner=0x1111111111111111111111111111111111111111',
  '--set-string',
  'global.fundedAccounts={0x1111111111111111111111111111111111111111}',
  '--set-string',
  `global.validatorPublicKeys={0x${'97'.repeat(48)}}`,
] as const

/** What an operator must set himself; without it a chart says what is missing. */
export const OWN_NETWORK = [
  ...OWN_GENESIS,
  '--set',
  'chain.targets.chain-validator.secretFiles.validatorKey.name=zerog-validator',
  '--set',
  'da.targets.da-disperser.secretFiles.accountKey.name=zerog-disperser',
  '--set',
  'compute.targets.compute-broker.secretFiles.providerKey.name=zerog-provider',
  '--set',
  'compute.targets.compute-router.secretFiles.privateKey.name=zerog-router',
] as const

export const PRESETS: Readonly<Record<string, readonly string[]>> = {
  dev: ['-f', 'values-dev.yaml'],
  small: ['-f', 'values-small.yaml', ...OWN_NETWORK],
  production: ['-f', 'values-production.yaml', ...OWN_NETWORK],
}

/** Renders a preset of the umbrella. */
export function renderPreset(charts: Charts, preset: string, ...more: readonly string[]): Manifest[] {
  const args = (PRESETS[preset] ?? []).map((arg) => (arg.startsWith('values-') ? join(charts.folder, 'zerog', arg) : arg))
  return charts.template('zerog', ...args, ...more)
}
