import { createHash } from 'node:crypto'
import { parseAllDocuments, stringify } from 'yaml'
import type { Manifest } from './helm.ts'

/**
 * What a preset renders to, for reading in a review: sorted by kind and name. Left out is what no reader compares: passwords are new each
 * time, checksums follow from their ConfigMaps, and alerts and dashboards have files of their own.
 */
export function goldenText(manifests: readonly Manifest[]): string {
  const sorted = manifests.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  return `${sorted.map((manifest) => stringify(shown(manifest), { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')}`
}

export function readGolden(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest) // written by goldenText
}

export const idOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`

/** Fields that Kubernetes refuses to change: an upgrade would need the object to be deleted first. */
export function immutableOf(manifest: Manifest): object | undefined {
  const { kind, spec } = manifest
  if (kind === 'Deployment') return { selector: spec.selector }
  if (kind === 'Service') return { clusterIP: spec.clusterIP }
  if (kind !== 'StatefulSet') return undefined
  const { selector, serviceName, podManagementPolicy, volumeClaimTemplates } = spec
  // Claims may be enlarged one by one; the template may not be changed at all.
  return { selector, serviceName, podManagementPolicy, volumeClaimTemplates }
}

function shown(manifest: Manifest): object {
  const copy = structuredClone(manifest) as any // to be edited freely
  if (copy.kind === 'Secret') copy.stringData = Object.fromEntries(Object.keys(copy.stringData).map((key) => [key, '(random)']))
  const annotations = copy.spec?.template?.metadata?.annotations
  if (annotations !== undefined) delete annotations['checksum/config']
  if (copy.kind === 'ConfigMap') {
    for (const [key, value] of Object.entries(copy.data)) if (key.endsWith('.json')) copy.data[key] = digest(value as string)
  }
  if (copy.kind === 'PrometheusRule') copy.spec = digest(JSON.stringify(copy.spec))
  return copy
}

function digest(text: string): string {
  return `sha256 ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}
