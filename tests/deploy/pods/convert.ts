import { assert } from '@zerog/primitives'
import type { Manifest } from '../../charts/helm.ts'

/** One pod of a rendered chart as `podman kube play` takes it, with the names by which others call it. */
export type PlayedPod = {
  readonly name: string
  readonly target: string
  /** Services that select it; a stateful pod also has `<pod>.<service>`. */
  readonly hostnames: readonly string[]
  /** ConfigMaps and Secrets that it mounts, then the pod. */
  readonly documents: readonly object[]
  /** From the readiness probe: an HTTP path and port, or a port alone. */
  readonly ready: { readonly port: number; readonly path?: string }
}

export type ConvertOptions = {
  /** Images by what the chart names: published servers become local ones. */
  readonly images: Readonly<Record<string, string>>
  readonly addresses: Readonly<Record<string, string>>
}

/**
 * Podman plays pods, not workloads, and knows neither headless services nor projected volumes, probes, hooks, fsGroup, spreading or network policies:
 * workloads become their pods, services become names in /etc/hosts, secrets become plain files, the rest is left out.
 * What remains as rendered: image, arguments, environment, configuration, secrets, volumes, security context and memory limits.
 */
export function podsOf(manifests: readonly Manifest[], options: ConvertOptions): readonly PlayedPod[] {
  const planned = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet').flatMap(replicasOf)
  const services = manifests.filter(({ kind }) => kind === 'Service')
  const named = planned.map((pod) => ({ ...pod, hostnames: hostnamesOf(pod, services) }))
  const hosts = named.map(({ name, hostnames }) => ({ ip: addressOf(options, name), hostnames }))
  return named.map((pod) => playable(pod, manifests, { ...options, hosts }))
}

/** In which order the addresses of a network are dealt: by name, so that two renderings agree. */
export function podNames(manifests: readonly Manifest[]): readonly string[] {
  return manifests
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .flatMap(replicasOf)
    .map(({ name }) => name)
}

type Replica = { readonly name: string; readonly ordinal: number; readonly workload: Manifest }
type Named = Replica & { readonly hostnames: readonly string[] }
type Host = { readonly ip: string; readonly hostnames: readonly string[] }

function replicasOf(workload: Manifest): readonly Replica[] {
  return Array.from({ length: workload.spec.replicas ?? 1 }, (_, ordinal) => ({
    name: `${workload.metadata.name}-${ordinal}`,
    ordinal,
    workload,
  }))
}

function hostnamesOf({ name, workload }: Replica, services: readonly Manifest[]): readonly string[] {
  const labels: Record<string, string> = workload.spec.template.metadata.labels
  const selecting = services.filter(({ spec }) =>
    Object.entries(spec.selector).every(([label, value]) => labels[label] === value),
  )
  const names = selecting.map(({ metadata }) => metadata.name)
  return workload.kind === 'StatefulSet' ? [...names, `${name}.${workload.spec.serviceName}`] : names
}

function playable(
  pod: Named,
  manifests: readonly Manifest[],
  options: ConvertOptions & { readonly hosts: readonly Host[] },
): PlayedPod {
  const { template } = pod.workload.spec
  const [container] = template.spec.containers
  const claims: readonly any[] = pod.workload.spec.volumeClaimTemplates ?? []
  // Podman's volumes have one name space for all pods.
  const own = (volume: string) => `${pod.name}-${volume}`
  const volumes = [
    ...(template.spec.volumes ?? []).map(plainVolume).map((volume: any) => ({ ...volume, name: own(volume.name) })),
    ...claims.map(({ metadata }) => ({
      name: own(metadata.name),
      persistentVolumeClaim: { claimName: `${pod.name}-${metadata.name}` },
    })),
  ]
  const secrets = new Map(manifests.filter(({ kind }) => kind === 'Secret').map((secret) => [secret.metadata.name, secret]))
  const environment = plainEnvironment(container.env ?? [], secrets)
  const variables = new Map([...environment.map(({ name, value }) => [name, value] as const), ['POD_INDEX', String(pod.ordinal)]])
  const document = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod.name, labels: { ...template.metadata.labels, 'apps.kubernetes.io/pod-index': String(pod.ordinal) } },
    spec: {
      restartPolicy: 'Always',
      hostAliases: options.hosts,
      terminationGracePeriodSeconds: template.spec.terminationGracePeriodSeconds,
      // Podman knows these of a container only.
      containers: [
        {
          name: container.name,
          image: options.images[container.image] ?? container.image,
          args: (container.args ?? []).map((text: string) => expand(text, variables)),
          env: environment,
          securityContext: { ...pick(template.spec.securityContext, ['runAsUser', 'runAsGroup']), ...container.securityContext },
          resources: { limits: container.resources?.limits ?? {} },
          volumeMounts: container.volumeMounts.map((mount: any) => ({ ...mount, name: own(mount.name) })),
        },
      ],
      volumes,
    },
  }
  const mounted = new Set(volumes.map((volume: any) => volume.configMap?.name))
  const sources = manifests.filter(({ kind, metadata }) => kind === 'ConfigMap' && mounted.has(metadata.name))
  const ready = container.readinessProbe
  const portOf = (port: string | number): number =>
    typeof port === 'number' ? port : container.ports.find(({ name }: { name: string }) => name === port).containerPort
  return {
    name: pod.name,
    target: container.name,
    hostnames: pod.hostnames,
    documents: [...sources, ...mountedSecrets(template.spec.volumes ?? [], secrets), document],
    ready:
      ready.httpGet === undefined
        ? { port: portOf(ready.tcpSocket.port) }
        : { port: portOf(ready.httpGet.port), path: ready.httpGet.path },
  }
}

function plainVolume(volume: any): object {
  const secret = volume.projected?.sources[0]?.secret
  const name = secret?.name ?? volume.secret?.secretName
  if (name === undefined) return volume
  assert(
    volume.projected === undefined || volume.projected.sources.length === 1,
    `volume ${volume.name} projects more than one secret`,
  )
  return { name: volume.name, configMap: { name: copyOf(name) } }
}

const copyOf = (secretName: string): string => `${secretName}-files`

/** The mounted secrets as ConfigMaps whose keys are the names of the files: podman 4 mounts a secret in its encoded form. */
function mountedSecrets(volumes: readonly any[], secrets: ReadonlyMap<string, Manifest>): readonly object[] {
  return volumes.flatMap((volume) => {
    const { name, secretName = name, items } = volume.projected?.sources[0]?.secret ?? volume.secret ?? {}
    const secret = secrets.get(secretName)
    if (secret === undefined) return []
    const texts: Readonly<Record<string, string>> = secret.stringData
    const paths: readonly { key: string; path: string }[] = items ?? Object.keys(texts).map((key) => ({ key, path: key }))
    const data = Object.fromEntries(paths.map(({ key, path }) => [path, texts[key] ?? '']))
    return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: copyOf(secretName) }, data }]
  })
}

/** Secrets of variables are written out: whoever may run podman here may read them anyway. */
function plainEnvironment(
  env: readonly any[],
  secrets: ReadonlyMap<string, Manifest>,
): readonly { name: string; value: string }[] {
  return env.flatMap(({ name, value, valueFrom }) => {
    if (value !== undefined) return [{ name, value }]
    const ref = valueFrom.secretKeyRef
    if (ref === undefined) return []
    const text = secrets.get(ref.name)?.stringData?.[ref.key]
    assert(text !== undefined, `secret ${ref.name} with ${ref.key} is not among the manifests`)
    return [{ name, value: text }]
  })
}

/** `$(NAME)` as Kubernetes replaces it in arguments. */
function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\(([A-Z_]+)\)/g, (whole, name) => variables.get(name) ?? whole)
}

function addressOf(options: ConvertOptions, name: string): string {
  const address = options.addresses[name]
  assert(address !== undefined, `${name} has no address`)
  return address
}

function pick(from: Readonly<Record<string, unknown>> | undefined, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from ?? {}).filter(([name]) => names.includes(name)))
}
