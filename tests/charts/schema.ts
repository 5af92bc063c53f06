import { readdirSync, readFileSync } from 'node:fs'
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
  const { definitions } = JSON.parse(readFileSync(swaggerFile, 'utf8')) as { definitions: Record<string, Schema> }
  const byKind = new Map<string, string>()
  for (const [name, schema] of Object.entries(definitions)) {
    close(name, schema)
    const kinds = schema['x-kubernetes-group-version-kind'] as readonly Schema[] | undefined
    if (kinds?.length !== 1) continue
    const { group, version, kind } = kinds[0] as Schema
    byKind.set(`${group === '' ? version : `${group}/${version}`}/${kind}`, name)
  }
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: ID, definitions })
  const compiled = new Map<string, ValidateFunction>()
  for (const file of readdirSync(join(ROOT, 'helm/schemas'))) {
    const text = readFileSync(join(ROOT, 'helm/schemas', file), 'utf8').replaceAll('"#/definitions/', `"${ID}#/definitions/`)
    const schema = JSON.parse(text) as Schema
    compiled.set(`${schema.properties.apiVersion.const}/${schema.properties.kind.const}`, ajv.compile(schema))
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
