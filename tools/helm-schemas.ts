import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `node tools/helm-schemas.ts [--check]`: writes values.schema.json of every chart, so that what all charts share is written down once.
 * --check only compares and ends with 1 where a file is not what this makes.
 */
type Schema = Readonly<Record<string, unknown>>

const HELM = join(import.meta.dirname, '../helm')
const text: Schema = { type: 'string' }
const filled: Schema = { type: 'string', minLength: 1 }
const flag: Schema = { type: 'boolean' }
const any: Schema = { type: 'object' }
const texts: Schema = { type: 'array', items: text, uniqueItems: true }
const number = (minimum: number, maximum?: number): Schema => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
})
const pattern = (regex: string): Schema => ({ type: 'string', pattern: regex })
const oneOf = (...values: readonly string[]): Schema => ({ enum: values })
const list = (items: Schema): Schema => ({ type: 'array', items })
const mapOf = (additionalProperties: Schema): Schema => ({ type: 'object', additionalProperties })
const targetsOf = (schema: Schema): Schema => ({
  type: 'object',
  patternProperties: { '^[a-z][a-z0-9-]*$': schema },
  additionalProperties: false,
})
const closed = (properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...(required.length === 0 ? {} : { required }),
})

const port = number(1, 65_535)
const secretRef = closed({ name: text, key: filled })
const size = pattern('^[0-9]+(Mi|Gi|Ti)$')
const address = '0x[0-9a-fA-F]{40}'
const server = closed({ existingSecret: text, secretKey: filled, port, to: list(any), replicas: number(1, 5) })

const global = closed({
  network: pattern('^[a-z0-9][a-z0-9.-]{0,62}$'),
  chainId: number(0, Number.MAX_SAFE_INTEGER),
  development: flag,
  logLevel: oneOf('error', 'warn', 'info', 'debug'),
  otlpEndpoint: pattern('^(https?://[^/]+(/.*)?)?$'),
  otlpTo: list(any),
  image: closed(
    {
      repository: filled,
      tag: text,
      digest: pattern('^(sha256:[0-9a-f]{64})?$'),
      pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
    },
    'repository',
    'pullPolicy',
  ),
  imagePullSecrets: list(closed({ name: filled }, 'name')),
  validatorPublicKeys: { ...list(pattern('^0x[0-9a-fA-F]{96}$')), maxItems: 1 },
  fundedAccounts: list(pattern(`^${address}$`)),
  owner: pattern(`^(${address})?$`),
  postgres: server,
  nats: server,
  redis: server,
  serverAuthorities: closed({ existingSecret: text, secretKey: filled }),
  dns: closed({ port, to: list(any) }),
  tls: closed(
    {
      mode: oneOf('cert-manager', 'self-signed', 'existing'),
      issuerName: text,
      issuerKind: oneOf('Issuer', 'ClusterIssuer'),
      renewal: pattern('^([0-9*/,-]+ ){4}[0-9*/,-]+$'),
    },
    'mode',
  ),
  monitoring: closed({
    namespace: text,
    serviceMonitors: flag,
    monitorLabels: mapOf(text),
    interval: pattern('^[0-9]+(s|m)$'),
    rules: flag,
    ruleLabels: mapOf(text),
    runbooks: filled,
    dashboards: flag,
    dashboardLabels: mapOf(text),
  }),
  topology: targetsOf(closed({ replicas: number(1), perPod: flag }, 'replicas', 'perPod')),
})

const targetFields = {
  enabled: flag,
  kind: oneOf('Deployment', 'StatefulSet'),
  replicas: number(0, 1000),
  calls: texts,
  calledBy: texts,
  portsCalledBy: texts,
  callsPorts: mapOf(port),
  needs: { type: 'array', items: oneOf('postgres', 'nats', 'redis'), uniqueItems: true },
  genesis: flag,
  config: any,
  ports: mapOf(port),
  serviceType: oneOf('ClusterIP', 'LoadBalancer', 'NodePort'),
  serviceAnnotations: mapOf(text),
  secretFiles: mapOf(closed({ name: text, key: filled })),
  persistence: closed({ size, storageClassName: text }, 'size'),
  autoscaling: closed({
    enabled: flag,
    minReplicas: number(1),
    maxReplicas: number(1),
    cpuPercent: number(1, 100),
    queueMetric: closed({ name: filled, averageValue: filled }, 'name', 'averageValue'),
  }),
  resources: closed({ requests: any, limits: any }),
  egress: list(any),
  podAnnotations: mapOf(text),
  nodeSelector: mapOf(text),
  tolerations: list(any),
  affinity: any,
  priorityClassName: text,
  hostSpread: oneOf('ScheduleAnyway', 'DoNotSchedule'),
  scratchSize: size,
  preStopSeconds: number(0),
  startupFailureThreshold: number(1),
  terminationGracePeriodSeconds: number(1),
}
const targets = targetsOf(closed(targetFields))
const door = closed({
  enabled: flag,
  port,
  serviceType: oneOf('ClusterIP', 'LoadBalancer', 'NodePort'),
  serviceAnnotations: mapOf(text),
  authorities: secretRef,
  from: list(any),
})
const daTargets = targetsOf(closed({ ...targetFields, door }))
const foreignMembers = closed({ enabled: flag, ports: { type: 'array', items: port, minItems: 1 }, to: list(any) })
const ingress = closed({ enabled: flag, className: text, host: text, tlsSecret: text, annotations: mapOf(text) })
const trial = closed({ enabled: flag, image: filled, storage: size })
/** What the umbrella hands to a layer: helm puts the globals and the library's values in before it checks. */
const layer = (more: Readonly<Record<string, Schema>> = {}): Schema =>
  closed({ enabled: flag, targets, global: any, common: any, ...more })

const charts: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  chain: { global, targets, enabled: flag, common: any },
  storage: { global, targets, enabled: flag, common: any },
  da: { global, targets: daTargets, foreignMembers, enabled: flag, common: any },
  compute: { global, targets, enabled: flag, common: any },
  gateway: { global, targets, ingress, enabled: flag, common: any },
  zerog: {
    global,
    common: any,
    chain: layer(),
    storage: layer(),
    da: layer({ targets: daTargets, foreignMembers }),
    compute: layer(),
    gateway: layer({ ingress }),
    trial: closed({ postgres: trial, nats: trial, redis: trial }),
    test: closed({ enabled: flag, account: secretRef, computeKey: secretRef }),
  },
}

const stale: string[] = []
for (const [chart, properties] of Object.entries(charts)) {
  const file = join(HELM, chart, 'values.schema.json')
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...closed(properties) }
  const wanted = `${JSON.stringify(schema, null, 2)}\n`
  if (process.argv.includes('--check')) {
    if (JSON.stringify(JSON.parse(readFileSync(file, 'utf8'))) !== JSON.stringify(schema)) stale.push(file)
  } else writeFileSync(file, wanted)
}
for (const file of stale) process.stderr.write(`${file} is not what tools/helm-schemas.ts makes; run it\n`)
process.exitCode = stale.length > 0 ? 1 : 0
