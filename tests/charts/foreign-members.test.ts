import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { type Charts, findHelm, type Manifest, openCharts } from './helm.ts'

const helm = findHelm()
const withHelm = helm === undefined ? describe.skip : describe

const OWN = ['--set', 'global.chainId=4242', '--set', 'targets.da-disperser.secretFiles.accountKey.name=payer']
const SERVERS = ['postgres', 'nats', 'redis'].flatMap((name) => ['--set', `global.${name}.existingSecret=${name}`])
const DOOR = ['--set', 'targets.da-node.door.enabled=true', '--set', 'targets.da-node.door.authorities.name=callers']
const DIALLERS = ['da-disperser', 'da-encoder', 'da-node', 'da-retriever']

withHelm('members of other installations, by the chart of data availability', () => {
  let charts: Charts
  beforeAll(() => {
    charts = openCharts(helm as string)
  })
  afterAll(() => charts.close())
  const render = (...args: readonly string[]) => charts.template('da', ...OWN, ...SERVERS, ...args)
  const one = (manifests: readonly Manifest[], kind: string, name: string) =>
    manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name) as Manifest
  const settingsOf = (manifests: readonly Manifest[], target: string) =>
    parse(one(manifests, 'ConfigMap', `zg-${target}`).data['zerog.yaml'])[target] as Record<string, unknown>

  test('nothing is open, and nobody goes out, unless it is asked for', () => {
    const manifests = render()
    expect(manifests.filter(({ metadata }) => metadata.name.includes('door'))).toEqual([])
    for (const target of DIALLERS) {
      expect(settingsOf(manifests, target)).not.toHaveProperty('identityDir')
      expect(JSON.stringify(one(manifests, 'NetworkPolicy', `zg-${target}`))).not.toContain('0.0.0.0/0')
    }
  })

  test('a door has a service of its own for each pod, which keeps addresses, and a policy for its port alone', () => {
    const manifests = render(...DOOR, '--set', 'targets.da-node.replicas=3', '--set', 'targets.da-node.door.port=7000')
    for (const ordinal of [0, 1, 2]) {
      const { spec } = one(manifests, 'Service', `zg-da-node-door-${ordinal}`)
      expect(spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
      expect(spec.selector['apps.kubernetes.io/pod-index']).toBe(String(ordinal))
      expect(one(manifests, 'StatefulSet', 'zg-da-node').spec.template.metadata.labels).toMatchObject({
        'app.kubernetes.io/name': spec.selector['app.kubernetes.io/name'],
        'app.kubernetes.io/instance': spec.selector['app.kubernetes.io/instance'],
      })
      expect(spec.ports).toEqual([{ name: 'door', port: 7000, targetPort: 7000 }])
    }
    expect(one(manifests, 'Service', 'zg-da-node-door-3')).toBeUndefined()
    expect(one(manifests, 'NetworkPolicy', 'zg-da-node-door').spec).toMatchObject({
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: 7000 }] }],
    })
    expect(settingsOf(manifests, 'da-node')).toMatchObject({ doorAddress: '0.0.0.0', doorPort: 7000 })
    const [container] = one(manifests, 'StatefulSet', 'zg-da-node').spec.template.spec.containers
    const file = container.env.find(({ name }: { name: string }) => name === 'ZEROG_DA_NODE_DOOR_AUTHORITIES_FILE').value
    expect(container.volumeMounts.some(({ mountPath }: { mountPath: string }) => file.startsWith(`${mountPath}/`))).toBe(true)
  })

  test('a door may be for some addresses only, and without authorities there is none', () => {
    const from = ['--set-json', 'targets.da-node.door.from=[{"ipBlock":{"cidr":"203.0.113.0/24"}}]']
    const [rule] = one(render(...DOOR, ...from), 'NetworkPolicy', 'zg-da-node-door').spec.ingress
    expect(rule.from).toEqual([{ ipBlock: { cidr: '203.0.113.0/24' } }])
    expect(() => render('--set', 'targets.da-node.door.enabled=true')).toThrow(/door\.authorities\.name is needed/)
    expect(() => render(...DOOR, '--set', 'targets.da-node.door.port=0')).toThrow()
    expect(() => render('--set', 'targets.da-encoder.door.enabled=true')).toThrow()
  })

  test('whoever calls members shows its certificate, and may go out to their ports', () => {
    const to = '[{"ipBlock":{"cidr":"198.51.100.0/24"}}]'
    const manifests = render('--set', 'foreignMembers.enabled=true', '--set-json', `foreignMembers.to=${to}`)
    const rule = { to: [{ ipBlock: { cidr: '198.51.100.0/24' } }], ports: [{ protocol: 'TCP', port: 7443 }] }
    for (const target of DIALLERS) {
      expect(settingsOf(manifests, target)).toMatchObject({ identityDir: '/tls' })
      expect(one(manifests, 'NetworkPolicy', `zg-${target}`).spec.egress).toContainEqual(rule)
    }
    expect(settingsOf(manifests, 'da-disperser')).toMatchObject({ publicPort: 51001 })
  })

  test('a member alone, as docs/da-members.md has it, is one workload without a chain service', () => {
    const alone = ['da-disperser', 'da-encoder', 'da-retriever'].flatMap((name) => ['--set', `targets.${name}.enabled=false`])
    const own = ['--set-json', 'targets.da-node.calls=[]', '--set-json', 'targets.da-node.calledBy=[]']
    const url = ['--set', 'targets.da-node.config.chainRpcUrl=https://rpc.example.net']
    const manifests = charts.template('da', '--set', 'global.chainId=4242', ...DOOR, ...alone, ...own, ...url)
    expect(
      manifests.filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind)).map(({ metadata }) => metadata.name),
    ).toEqual(['zg-da-node'])
    expect(settingsOf(manifests, 'da-node')).toMatchObject({ chainRpcUrl: 'https://rpc.example.net', doorPort: 7443 })
    expect(JSON.stringify(manifests)).not.toContain('chain-rpc')
  })
})
