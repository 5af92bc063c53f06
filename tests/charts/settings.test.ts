import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { verifyConfig } from '../../packages/cli/src/devnet/describe.ts'
import { type Charts, findHelm, type Manifest, openCharts, PRESETS, renderPreset } from './helm.ts'

const helm = findHelm()
const withHelm = helm === undefined ? describe.skip : describe
const URLS: Readonly<Record<string, string>> = {
  ZEROG_COMMON_POSTGRES_URL: 'postgresql://user:secret@postgres/zerog',
  ZEROG_COMMON_NATS_URL: 'nats://user:secret@nats:4222',
  ZEROG_COMMON_REDIS_URL: 'rediss://redis:6379',
}

withHelm('settings that the charts give to targets', () => {
  let charts: Charts
  let folder: string
  let key: string
  beforeAll(() => {
    charts = openCharts(helm as string)
    folder = mkdtempSync(join(tmpdir(), 'zerog-settings-'))
    key = join(folder, 'key')
    writeFileSync(key, `0x${'11'.repeat(32)}\n`, { mode: 0o600 })
  })
  afterAll(() => {
    charts.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The variables of a pod, with the values of secrets made up. */
  const environmentOf = (workload: Manifest): NodeJS.ProcessEnv =>
    Object.fromEntries(
      workload.spec.template.spec.containers[0].env.map(({ name, value }: { name: string; value?: string }) => [
        name,
        name.endsWith('_FILE') ? key : (value ?? URLS[name] ?? '0'),
      ]),
    )

  test.each(Object.keys(PRESETS))('preset %s: every target accepts its file and its variables', async (preset) => {
    const manifests = renderPreset(charts, preset)
    const files = new Map(manifests.filter(({ kind }) => kind === 'ConfigMap').map((one) => [one.metadata.name, one]))
    const workloads = manifests.filter(
      ({ kind, metadata }) => ['Deployment', 'StatefulSet'].includes(kind) && files.has(metadata.name),
    )
    expect(workloads.length).toBe(12)
    for (const workload of workloads) {
      const target = workload.metadata.labels['app.kubernetes.io/name'] as string
      const configFile = join(folder, `${preset}-${target}.yaml`)
      writeFileSync(configFile, files.get(workload.metadata.name)?.data['zerog.yaml'])
      const verified = await verifyConfig({ target, configFile, env: environmentOf(workload) }).catch(({ message }) => message)
      expect({ target, verified }).toEqual({ target, verified: [target] })
    }
  })
})
