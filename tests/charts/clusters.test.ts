import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Charts, findHelm, type Manifest, openCharts, renderPreset } from './helm.ts'

const helm = findHelm()
const withHelm = helm === undefined ? describe.skip : describe

/** What clusters differ in, all set at once. */
const CLUSTER = {
  global: {
    serverAuthorities: { existingSecret: 'company-authorities', secretKey: 'bundle.pem' },
    dns: { port: 5353, to: [{ ipBlock: { cidr: '169.254.20.10/32' } }] },
    monitoring: { monitorLabels: { release: 'prometheus' } },
  },
  gateway: {
    targets: {
      gateway: {
        priorityClassName: 'public',
        serviceType: 'LoadBalancer',
        serviceAnnotations: { 'example.com/scheme': 'internal' },
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
        scratchSize: '3Gi',
      },
    },
  },
}

withHelm('a cluster of its own habits', () => {
  let charts: Charts
  let plain: readonly Manifest[]
  let set: readonly Manifest[]
  beforeAll(() => {
    charts = openCharts(helm as string)
    plain = renderPreset(charts, 'production')
    const values = join(charts.folder, 'cluster.json')
    writeFileSync(values, JSON.stringify(CLUSTER))
    set = renderPreset(charts, 'production', '-f', values)
  })
  afterAll(() => charts.close())
  const ofKind = (manifests: readonly Manifest[], ...kinds: readonly string[]) =>
    manifests.filter(({ kind }) => kinds.includes(kind))
  const pods = (manifests: readonly Manifest[]) =>
    ofKind(manifests, 'Deployment', 'StatefulSet').map(({ spec }) => spec.template as Manifest)
  const gatewayOf = (kind: string) => set.find((one) => one.kind === kind && one.metadata.name === 'zg-gateway') as Manifest

  test('trusts the authorities of its servers in every target', () => {
    const file = { name: 'NODE_EXTRA_CA_CERTS', value: '/server-authorities/ca.crt' }
    const secret = { secretName: 'company-authorities', items: [{ key: 'bundle.pem', path: 'ca.crt' }] }
    expect(pods(set).length).toBe(12)
    for (const { spec } of pods(set)) {
      expect(spec.containers[0].env).toContainEqual(file)
      expect(spec.volumes).toContainEqual({ name: 'server-authorities', secret })
      expect(spec.containers[0].volumeMounts).toContainEqual({
        name: 'server-authorities',
        mountPath: '/server-authorities',
        readOnly: true,
      })
    }
    expect(JSON.stringify(plain)).not.toContain('server-authorities')
  })

  test('resolves names where it says, and nowhere else', () => {
    const policies = ofKind(set, 'NetworkPolicy')
    const dns = policies.filter(({ spec }) => JSON.stringify(spec.egress ?? []).includes('169.254.20.10/32'))
    expect(dns.length).toBe(12)
    expect(JSON.stringify(policies)).not.toMatch(/kube-dns|"port":53[,}]/)
    expect(JSON.stringify(ofKind(plain, 'NetworkPolicy'))).toContain('kube-dns')
  })

  test('has its Prometheus find every monitor by its label', () => {
    const monitors = ofKind(set, 'ServiceMonitor')
    expect(monitors.length).toBe(12)
    for (const { metadata } of monitors) expect(metadata.labels.release).toBe('prometheus')
  })

  test('gives a target its class, place, room and load balancer', () => {
    const { spec } = gatewayOf('Deployment').spec.template
    expect(spec.priorityClassName).toBe('public')
    expect(spec.affinity).toEqual(CLUSTER.gateway.targets.gateway.affinity)
    expect(spec.volumes).toContainEqual({ name: 'data', emptyDir: { sizeLimit: '3Gi' } })
    expect(gatewayOf('Service')).toMatchObject({
      metadata: { annotations: { 'example.com/scheme': 'internal' } },
      spec: { type: 'LoadBalancer' },
    })
  })

  test('finds pods before they are ready only where they wait for each other', () => {
    const early = ofKind(plain, 'Service').filter(({ spec }) => spec.publishNotReadyAddresses === true)
    expect(early.map(({ metadata }) => metadata.name).sort()).toEqual(['zg-da-node-headless', 'zg-storage-node-headless'])
  })

  test('keeps copies of the same data on hosts of their own', () => {
    const strict = ofKind(plain, 'StatefulSet', 'Deployment').filter(({ spec }) =>
      spec.template.spec.topologySpreadConstraints.some((one: any) => one.whenUnsatisfiable === 'DoNotSchedule'),
    )
    expect(strict.map(({ metadata }) => metadata.name).sort()).toEqual(['zg-chain-rpc', 'zg-da-node', 'zg-storage-node'])
  })

  test('replaces no pod because of a new chart with the same image and settings', () => {
    for (const { metadata } of pods(plain))
      expect(Object.keys(metadata.labels).sort()).toEqual([
        'app.kubernetes.io/component',
        'app.kubernetes.io/instance',
        'app.kubernetes.io/name',
        'app.kubernetes.io/part-of',
      ])
  })

  test('may not fill the disk of a host', () => {
    for (const { spec } of pods(plain))
      for (const volume of spec.volumes.filter(({ emptyDir }: any) => emptyDir !== undefined))
        expect(volume.emptyDir.sizeLimit).toMatch(/^\d+(Mi|Gi)$/)
  })
})
