import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import type { Manifest } from './helm.ts'

const ROOT = join(import.meta.dirname, '../..')
const ID = 'kubernetes.json'

type Schema = { [key: string]: any }

/**
 * Validates manifests as strictly as `kubeconform -strict`: every object of the API's OpenAPI document is closed, so a field that does
 * not exist is an error. Kinds of custom resources come from helm/schemas.
 */
export function createValidator(swaggerFile: string): (manifest: Manifest) => readonly string[] {
  const { definitions, byKind } = readDefinitions(swaggerFile)
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: ID, definitions })
  const compiled = new Map<string, ValidateFunction>()
  for (const schema of customSchemas()) {
    const text = JSON.stringify(schema).replaceAll('"#/definitions/', `"${ID}#/definitions/`)
    compiled.set(keyOf(schema), ajv.compile(JSON.parse(text)))
  }
  return (manifest) => {
    const key = `${manifest.apiVersion}/${manifest.kind}`
    const definition = byKind.get(key)
    if (definition !== undefined && !compiled.has(key))
      compiled.set(key, ajv.compile({ $ref: `${ID}#/definitions/${definition}` }))
    const validate = compiled.get(key)
    if (validate === undefined) return [`there is no schema of ${key}`]
    if (validate(manifest) === true) return []
    return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`)
  }
}

/**
 * The same schemas as files `<kind>-<group>-<version>.json` without references, as kubeconform reads them: its own come from the network.
 * Only of the kinds that are given as `apiVersion/kind`.
 */
export function writeSchemas(swaggerFile: string, options: { readonly folder: string; readonly kinds: Iterable<string> }): void {
  const { definitions, byKind } = readDefinitions(swaggerFile)
  const custom = new Map(customSchemas().map((schema) => [keyOf(schema), schema]))
  for (const key of new Set(options.kinds)) {
    const schema = custom.get(key) ?? definitions[byKind.get(key) ?? '']
    if (schema === undefined) throw new Error(`there is no schema of ${key}`)
    const parts = key.split('/')
    const kind = parts.pop() ?? ''
    // kubeconform's name: of the group only what stands before its first dot.
    const name = [kind, ...parts.map((part) => part.split('.')[0])].join('-').toLowerCase()
    writeFileSync(join(options.folder, `${name}.json`), JSON.stringify(inlined(schema, definitions, 0)))
  }
}

function inlined(node: unknown, definitions: Record<string, Schema>, depth: number): unknown {
  // Only the schema of schemas refers to itself, and no kind of ours holds one.
  if (depth > 60) throw new Error('a schema that refers to itself')
  if (Array.isArray(node)) return node.map((one) => inlined(one, definitions, depth + 1))
  if (typeof node !== 'object' || node === null) return node
  const { $ref } = node as Schema
  if (typeof $ref === 'string') return inlined(definitions[$ref.replace('#/definitions/', '')], definitions, depth + 1)
  // A field may be called description: only the texts go.
  return Object.fromEntries(
    Object.entries(node)
      .filter(
        ([key, value]) => !(key === 'description' && typeof value === 'string') && key !== 'format' && !key.startsWith('x-'),
      )
      .map(([key, value]) => [key, inlined(value, definitions, depth + 1)]),
  )
}

function customSchemas(): readonly Schema[] {
  return readdirSync(join(ROOT, 'helm/schemas')).map((file) => JSON.parse(readFileSync(join(ROOT, 'helm/schemas', file), 'utf8')))
}

function keyOf(schema: Schema): string {
  return `${schema.properties.apiVersion.const}/${schema.properties.kind.const}`
}

function readDefinitions(swaggerFile: string) {
  const { definitions } = JSON.parse(readFileSync(swaggerFile, 'utf8')) as { definitions: Record<string, Schema> }
  const byKind = new Map<string, string>()
  for (const [name, schema] of Object.entries(definitions)) {
    close(name, schema)
    const kinds = schema['x-kubernetes-group-version-kind'] as readonly Schema[] | undefined
    if (kinds?.length !== 1) continue
    const { group, version, kind } = kinds[0] as Schema
    byKind.set(`${group === '' ? version : `${group}/${version}`}/${kind}`, name)
  }
  return { definitions, byKind }
}

const OPEN = /RawExtension$|FieldsV1$|JSON$|JSONSchemaProps/

function close(name: string, schema: Schema): void {
  if (name.endsWith('intstr.IntOrString') || name.endsWith('resource.Quantity')) schema.type = ['string', 'number']
  const visit = (node: Schema): void => {
    const isOpen = OPEN.test(name) || node['x-kubernetes-preserve-unknown-fields'] === true
    if (node.properties !== undefined && node.additionalProperties === undefined && !isOpen) node.additionalProperties = false
    for (const child of Object.values((node.properties ?? {}) as Record<string, Schema>)) visit(child)
    if (node.items !== undefined) visit(node.items)
    if (typeof node.additionalProperties === 'object') visit(node.additionalProperties)
  }
  visit(schema)
}
