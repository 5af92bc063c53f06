import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { goldenText, idOf, immutableOf, readGolden } from './golden.ts'
import {
  type Charts,
  findHelm,
  LAYERS,
  type Manifest,
  OWN_GENESIS,
  OWN_NETWORK,
  openCharts,
  PRESETS,
  renderPreset,
} from './helm.ts'
import { createValidator, writeSchemas } from './schema.ts'
import { findTool } from './tools.ts'

const fixtures = process.env.ZEROG_FIXTURES ?? join(import.meta.dirname, '../../../shared/fixtures')
const swagger = join(fixtures, 'kubernetes/swagger-v1.35.json')
const helm = findHelm()
const withHelm = helm === undefined ? describe.skip : describe
if (helm === undefined) process.stderr.write('charts: helm is missing; node tools/helm.ts installs it where Go is\n')

const WORKLOADS = ['Deployment', 'StatefulSet']
const podOf = (manifest: Manifest) => manifest.spec.template
const ofKind = (manifests: readonly Manifest[], ...kinds: readonly string[]) =>
  manifests.filter(({ kind }) => kinds.includes(kind))
const named = (manifests: readonly Manifest[], kind: string, name: string) =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name) as Manifest

withHelm('charts, rendered by helm', () => {
  let charts: Charts
  const rendered: Record<string, Manifest[]> = {}
  beforeAll(() => {
    charts = openCharts(helm as string)
    for (const preset of Object.keys(PRESETS)) rendered[preset] = renderPreset(charts, preset)
  })
  afterAll(() => charts.close())
  const all = (): Manifest[] => Object.values(rendered).flat()

  test.each(Object.keys(PRESETS))('preset %s passes helm lint', (preset) => {
    const args = (PRESETS[preset] ?? []).map((arg) => (arg.startsWith('values-') ? join(charts.folder, 'zerog', arg) : arg))
    expect(charts.lint('zerog', ...args)).toContain('0 chart(s) failed')
  })

  test.each(LAYERS)('the chart of the %s layer can be installed alone', (layer) => {
    const servers = ['postgres', 'nats', 'redis'].flatMap((name) => ['--set', `global.${name}.existingSecret=${name}`])
    const secrets: Readonly<Record<string, readonly string[]>> = {
      chain: ['chain-validator.secretFiles.validatorKey'],
      da: ['da-disperser.secretFiles.accountKey'],
      compute: ['compute-broker.secretFiles.providerKey', 'compute-router.secretFiles.privateKey'],
    }
    const keys = (secrets[layer] ?? []).flatMap((secret) => ['--set', `targets.${secret}.name=key`])
    const manifests = charts.template(layer, ...OWN_GENESIS, ...servers, ...keys)
    expect(ofKind(manifests, ...WORKLOADS).length).toBeGreaterThan(0)
    expect(new Set(manifests.map(({ metadata }) => metadata.labels['app.kubernetes.io/component']))).toEqual(new Set([layer]))
  })

  const withSwagger = existsSync(swagger) ? describe : describe.skip
  if (!existsSync(swagger) && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`${swagger} is missing`)
  withSwagger('against the API of Kubernetes 1.35, every object closed', () => {
    let validate: ReturnType<typeof createValidator>
    beforeAll(() => {
      validate = createValidator(swagger)
    })

    test.each(Object.keys(PRESETS))('every manifest of preset %s is valid', (preset) => {
      const problems = (rendered[preset] ?? []).flatMap((manifest) =>
        validate(manifest).map((problem) => `${manifest.kind}/${manifest.metadata.name}: ${problem}`),
      )
      expect(problems).toEqual([])
    })

    const kubeconform = findTool('kubeconform')
    const withKubeconform = kubeconform === undefined ? describe.skip : describe
    if (kubeconform === undefined)
      process.stderr.write('charts: kubeconform is missing; node tools/helm.ts installs it where Go is\n')
    withKubeconform('and kubeconform -strict says the same', () => {
      let folder: string
      beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), 'zerog-kubeconform-'))
        writeSchemas(swagger, { folder, kinds: all().map(({ apiVersion, kind }) => `${apiVersion}/${kind}`) })
      })
      afterAll(() => rmSync(folder, { recursive: true, force: true }))
      const conform = (manifests: readonly Manifest[]) => {
        const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n')
        const location = join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json')
        const args = ['-strict', '-output', 'json', '-summary', '-schema-location', location, '-']
        const { stdout } = spawnSync(kubeconform as string, args, { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
        return JSON.parse(stdout) as {
          summary: { valid: number; invalid: number; errors: number; skipped: number }
          resources: unknown
        }
      }

      test('of every manifest of every preset', () => {
        const { summary, resources } = conform(all())
        expect({ summary, resources }).toMatchObject({
          summary: { valid: all().length, invalid: 0, errors: 0, skipped: 0 },
        })
      })

      test('of a planted field in each kind', () => {
        const kinds = [...new Map(all().map((manifest) => [manifest.kind, manifest])).values()]
        const { summary } = conform(kinds.map((manifest) => ({ ...manifest, bogus: 1 })))
        expect(summary).toMatchObject({ valid: 0, invalid: kinds.length })
      })
    })

    test('a field that does not exist is found in each kind', () => {
      const kinds = new Map(all().map((manifest) => [manifest.kind, manifest]))
      expect(kinds.size).toBeGreaterThan(9)
      for (const manifest of kinds.values()) {
        expect({ kind: manifest.kind, problems: validate({ ...manifest, bogus: 1 }).length }).toEqual({
          kind: manifest.kind,
          problems: 1,
        })
        if (manifest.spec !== undefined) {
          const planted = { ...manifest, spec: { ...manifest.spec, bogus: 1 } }
          expect({ kind: manifest.kind, found: validate(planted).join().includes('bogus') }).toEqual({
            kind: manifest.kind,
            found: true,
          })
        }
      }
    })
  })

  describe.each(Object.keys(PRESETS))('preset %s, compared with its golden render', (preset) => {
    const file = join(import.meta.dirname, `golden/${preset}.yaml`)
    const before = existsSync(file) ? readFileSync(file, 'utf8') : ''

    test('changes nothing that Kubernetes would refuse to change, unless UPGRADING.md says how', () => {
      const upgrading = readFileSync(join(import.meta.dirname, '../../UPGRADING.md'), 'utf8')
      const now = new Map((rendered[preset] ?? []).map((manifest) => [idOf(manifest), manifest]))
      const changed = readGolden(before).filter((manifest) => {
        const later = now.get(idOf(manifest))
        return later !== undefined && JSON.stringify(immutableOf(later)) !== JSON.stringify(immutableOf(manifest))
      })
      expect(changed.map(idOf).filter((id) => !upgrading.includes(id))).toEqual([])
    })

    test('is what was reviewed (ZEROG_UPDATE=1 accepts a change)', () => {
      const text = goldenText(rendered[preset] ?? [])
      if (process.env.ZEROG_UPDATE === '1') writeFileSync(file, text)
      else expect(text).toBe(before)
    })
  })

  test('pods keep the restricted profile of Pod Security', () => {
    const pods = [
      ...ofKind(all(), ...WORKLOADS).map((manifest) => podOf(manifest).spec),
      ...ofKind(all(), 'Pod').map(({ spec }) => spec),
    ]
    expect(pods.length).toBeGreaterThan(20)
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(pod.securityContext.runAsUser).toBeGreaterThan(0)
      for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[key]).toBeUndefined()
      for (const container of pod.containers) {
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources.requests.cpu).toBeDefined()
        expect(container.resources.limits.memory).toBeDefined()
        expect(container.image).not.toMatch(/:latest$|^[^:]+$/)
      }
    }
  })

  test('what runs more than once survives a drained node, and is scaled by one hand only', () => {
    for (const [preset, manifests] of Object.entries(rendered)) {
      const scaled = ofKind(manifests, 'HorizontalPodAutoscaler').map(({ spec }) => spec.scaleTargetRef.name)
      expect(new Set(scaled).size).toBe(scaled.length)
      for (const workload of ofKind(manifests, ...WORKLOADS)) {
        const { name } = workload.metadata
        const isScaled = scaled.includes(name)
        expect({ preset, name, replicas: workload.spec.replicas === undefined }).toEqual({ preset, name, replicas: isScaled })
        const wanted = isScaled || workload.spec.replicas > 1
        expect({ preset, name, budget: named(manifests, 'PodDisruptionBudget', name) !== undefined }).toEqual({
          preset,
          name,
          budget: wanted,
        })
      }
    }
  })

  test('services, budgets and spread constraints select the pods of their workload, and only those', () => {
    for (const manifests of Object.values(rendered)) {
      const workloads = ofKind(manifests, ...WORKLOADS)
      for (const manifest of ofKind(manifests, 'Service', 'PodDisruptionBudget', 'NetworkPolicy')) {
        const selector: Record<string, string> =
          manifest.spec.selector?.matchLabels ?? manifest.spec.selector ?? manifest.spec.podSelector.matchLabels
        if (selector['app.kubernetes.io/name'] === undefined) continue // the default of all pods
        const labelled = [
          ...workloads.map((workload) => podOf(workload).metadata.labels),
          ...ofKind(manifests, 'Pod').map(({ metadata }) => metadata.labels),
          ...ofKind(manifests, 'Job').map((job) => podOf(job).metadata.labels),
          ...ofKind(manifests, 'CronJob').map(({ spec }) => spec.jobTemplate.spec.template.metadata.labels),
        ]
        const chosen = labelled.filter((labels) => Object.entries(selector).every(([label, value]) => labels[label] === value))
        expect({ of: manifest.metadata.name, pods: chosen.length }).toEqual({ of: manifest.metadata.name, pods: 1 })
      }
      for (const workload of workloads) {
        for (const constraint of podOf(workload).spec.topologySpreadConstraints ?? []) {
          expect(podOf(workload).metadata.labels).toMatchObject(constraint.labelSelector.matchLabels)
        }
      }
    }
  })

  test('a pod has more time to stop than its own steps take', () => {
    for (const workload of ofKind(all(), ...WORKLOADS)) {
      const { terminationGracePeriodSeconds, containers } = podOf(workload).spec
      const sleep = containers[0].lifecycle?.preStop.sleep.seconds
      if (sleep !== undefined) expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(sleep + 20 + 10)
    }
  })

  describe('certificates without cert-manager', () => {
    const small = () => rendered.small as Manifest[]
    const jobs = () => [
      named(small(), 'Job', 'zg-certificates-hook').spec.template.spec,
      named(small(), 'CronJob', 'zg-certificates').spec.jobTemplate.spec.template.spec,
    ]

    test('a job runs before each installation and upgrade, and daily, with the command that was tested', () => {
      expect(named(small(), 'Job', 'zg-certificates-hook').metadata).toMatchObject({
        annotations: { 'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-weight': '-5' },
      })
      for (const { containers } of jobs()) {
        expect(containers[0].args.slice(0, 5)).toEqual([
          'certs',
          'kubernetes',
          '--name=zerog',
          '--release=zg',
          '--namespace=zerog',
        ])
      }
    })

    test('it may create secrets, and read and replace those of its targets; nothing else has a token', () => {
      const mounted = ofKind(small(), ...WORKLOADS).flatMap((workload) =>
        (podOf(workload).spec.volumes ?? [])
          .filter(({ name }: { name: string }) => name === 'tls')
          .map(({ projected }: any) => projected.sources[0].secret.name as string),
      )
      expect(mounted.length).toBe(12)
      const roles = ofKind(small(), 'Role')
      expect(roles.map(({ metadata }) => metadata.name).sort()).toEqual(['zg-certificates', 'zg-certificates-hook'])
      for (const role of roles) {
        expect(role.rules).toEqual([
          { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
          { apiGroups: [''], resources: ['secrets'], resourceNames: ['zg-ca', ...mounted.sort()], verbs: ['get', 'update'] },
        ])
      }
      expect(ofKind(all(), 'ClusterRole', 'ClusterRoleBinding')).toEqual([])
      const bindings = ofKind(small(), 'RoleBinding').map(({ subjects }) => subjects[0].name)
      expect(bindings.sort()).toEqual(['zg-certificates', 'zg-certificates-hook'])
      expect(jobs().map(({ serviceAccountName }) => serviceAccountName)).toEqual(['zg-certificates-hook', 'zg-certificates'])
    })

    test('its pods keep the restricted profile, and the key is on no disk', () => {
      for (const pod of jobs()) {
        expect(pod).toMatchObject({
          securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory' } }],
        })
        expect(pod.containers[0].securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
      }
    })

    test('with cert-manager there is neither', () => {
      expect(ofKind(rendered.production as Manifest[], 'Job', 'CronJob', 'Role')).toEqual([])
      expect(ofKind(rendered.production as Manifest[], 'Certificate').length).toBe(12)
      expect(ofKind(small(), 'Certificate')).toEqual([])
    })
  })

  test.each([
    ['http://collector.monitoring:4318', 4318],
    ['https://traces.example/otlp', 443],
  ])('traces may leave to %s, and only where they are sent', (endpoint, port) => {
    const manifests = renderPreset(charts, 'small', '--set', `global.otlpEndpoint=${endpoint}`)
    const rule = { to: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port }] }
    const policyOf = (list: readonly Manifest[]) => named(list, 'NetworkPolicy', 'zg-compute-router').spec.egress
    expect(policyOf(manifests)).toContainEqual(rule)
    expect(policyOf(rendered.small as Manifest[])).not.toContainEqual(rule)
  })

  test('helm test writes through every layer with the account and the key that are given', () => {
    const sets = ['--set', 'test.account.name=tester', '--set', 'test.computeKey.name=chat']
    const manifests = renderPreset(charts, 'small', ...sets)
    const pod = named(manifests, 'Pod', 'zg-test')
    expect(pod.metadata).toMatchObject({ annotations: { 'helm.sh/hook': 'test' } })
    expect(pod.spec.containers[0].args).toEqual([
      'doctor',
      '--write',
      '--network=zerog',
      '--gateway-url=http://zg-gateway:8545',
      '--timeout=120s',
      '--key-file=/secrets/account/key',
    ])
    const reach = named(manifests, 'NetworkPolicy', 'zg-test').spec.egress[1]
    expect(reach.to[0].podSelector.matchLabels['app.kubernetes.io/name']).toBe('gateway')
    // What it would meet at the other end lets it in.
    const faces = named(manifests, 'NetworkPolicy', 'zg-gateway').spec.ingress.at(-1)
    expect(faces).toEqual({ ports: [{ protocol: 'TCP', port: 8545 }] })
  })

  test('another setting restarts the pods that read it, and nobody else', () => {
    const before = rendered.production as Manifest[]
    const after = renderPreset(charts, 'production', '--set', 'storage.targets.storage-gateway.config.hedgeMs=99')
    const changed = before.filter((manifest, index) => JSON.stringify(manifest) !== JSON.stringify(after[index]))
    expect(changed.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()).toEqual([
      'ConfigMap/zg-storage-gateway',
      'Deployment/zg-storage-gateway',
    ])
  })

  test.each([
    ['chain', 'chain-rpc', false],
    ['compute', 'compute-worker', false],
    ['da', 'da-node', true],
    ['storage', 'storage-node', true],
  ])('scaling in layer %s (%s) changes objects of that layer only', (layer, target, perPod) => {
    const sets = ['--set', `${layer}.targets.${target}.replicas=9`, '--set', `global.topology.${target}.replicas=9`]
    const before = rendered.production as Manifest[]
    const after = renderPreset(charts, 'production', ...sets, '--set', `global.topology.${target}.perPod=${perPod}`)
    const changed = after.filter(
      (manifest) => JSON.stringify(manifest) !== JSON.stringify(named(before, manifest.kind, manifest.metadata.name)),
    )
    const layers = new Set(changed.map(({ metadata }) => metadata.labels['app.kubernetes.io/component']))
    // A target whose number is left to an autoscaler shows no number.
    expect([...layers].filter((name) => name !== layer)).toEqual([])
  })

  describe('is refused', () => {
    const refusal = (preset: string, ...more: readonly string[]): string => {
      try {
        renderPreset(charts, preset, ...more)
      } catch (error) {
        return String((error as { stderr?: string }).stderr ?? error)
      }
      throw new Error('it was rendered')
    }
    test.each([
      ['an unknown value', ['--set', 'global.bogus=1'], /bogus/],
      ['an unknown value of a target', ['--set', 'storage.targets.storage-node.replica=1'], /replica/],
      ['a replica count that is text', ['--set-string', 'storage.targets.storage-node.replicas=three'], /replicas/],
      ["the devnet's chain id", ['--set', 'global.chainId=31337'], /every installation sets its own/],
      ["0G's chain id", ['--set', 'global.chainId=16661'], /every installation sets its own/],
      [
        'an account whose key is public',
        ['--set-string', 'global.fundedAccounts={0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266}'],
        /whose key is public/,
      ],
      ["a validator's key of another length", ['--set-string', 'global.validatorPublicKeys={0x9797}'], /validatorPublicKeys/],
      [
        'a network without a database',
        ['--set', 'global.postgres.existingSecret='],
        /global\.postgres\.existingSecret is needed/,
      ],
    ])('%s', (_what, args, message) => {
      expect(refusal('production', ...args)).toMatch(message)
    })
    test.each(['owner', 'fundedAccounts', 'validatorPublicKeys'])('a network without global.%s', (field) => {
      const at = OWN_NETWORK.findIndex((argument) => argument.startsWith(`global.${field}=`))
      expect(at).toBeGreaterThan(0)
      const args = OWN_NETWORK.filter((_, index) => index !== at && index !== at - 1)
      const small = join(charts.folder, 'zerog/values-small.yaml')
      expect(() => charts.template('zerog', '-f', small, ...args)).toThrow(`global.${field} is needed`)
    })
    test('a release whose name would be cut', () => {
      const dev = join(charts.folder, 'zerog/values-dev.yaml')
      const release = 'an-installation-with-a-rather-long-name'
      expect(() => charts.templateAs(release, 'zerog', '-f', dev)).toThrow(`the release name ${release} is too long`)
    })
    test('a provider without its key', () => {
      const set = ['--set', 'compute.targets.compute-broker.secretFiles.providerKey.name=']
      expect(refusal('production', ...set)).toMatch(/compute-broker: the name of the secret with providerKey is needed/)
    })
    test('a network without a chain id', () => {
      expect(refusal('small', '--set', 'global.chainId=0')).toMatch(/every installation sets its own/)
    })
  })

  test('each target reads its own name, ports and peers out of its settings', () => {
    const settingsOf = (manifest: Manifest) => manifest.data['zerog.yaml'] !== undefined
    for (const config of ofKind(rendered.production as Manifest[], 'ConfigMap').filter(settingsOf)) {
      const target = config.metadata.labels['app.kubernetes.io/name'] as string
      const settings = parse(config.data['zerog.yaml'])
      expect(settings).toMatchObject({ common: { chainId: 4242, grpcPort: 9100, adminPort: 9200 } })
      expect(Object.keys(settings)).toEqual(['common', target])
    }
    const gateway = parse(named(rendered.production as Manifest[], 'ConfigMap', 'zg-storage-gateway').data['zerog.yaml'])
    expect(gateway.common.peers['storage-node']).toHaveLength(6)
    expect(gateway.common.peers['storage-node'][5]).toBe('zg-storage-node-5.zg-storage-node-headless:9100')
  })
})
