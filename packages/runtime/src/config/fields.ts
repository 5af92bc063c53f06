import { z } from 'zod'

type Schema = z.ZodType
type ObjectSchema = z.ZodObject

/** One leaf of a config schema. */
export type ConfigField = {
  /** `limits.bodyBytesMax` */
  readonly path: readonly string[]
  /** Without the prefix: `LIMITS__BODY_BYTES_MAX` */
  readonly envSuffix: string
  readonly schema: Schema
  readonly description: string
  /** Undefined: the field has none and must be set. */
  readonly default: unknown
  readonly secret: boolean
  /** What is accepted, in words. */
  readonly form: string
}

/** Every leaf in the order of the schema; nested objects are walked, maps and lists are leaves. */
export function fieldsOf(schema: Schema, parent: readonly string[] = []): readonly ConfigField[] {
  return Object.entries(objectOf(schema)?.shape ?? {}).flatMap(([key, value]) => {
    const field = value as Schema // the shape of a zod object holds zod schemas
    const path = [...parent, key]
    if (objectOf(field) !== undefined) return fieldsOf(field, path)
    return [
      {
        path,
        envSuffix: path.map(upperSnake).join('__'),
        schema: field,
        description: described(field, 'description') ?? '',
        default: defaultOf(field),
        secret: described(field, 'secret') ?? false,
        form: formOf(field),
      },
    ]
  })
}

/** `camelCase` -> `CAMEL_CASE`; runs of capitals stay together (`rpcURL` -> `RPC_URL`). */
export function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]/g, '_')
    .toUpperCase()
}

/** The schema without default, nullable and optional around it. */
export function unwrap(schema: Schema): Schema {
  const inner = innerOf(schema)
  return inner === undefined ? schema : unwrap(inner)
}

/** By declaration: a coercing number would take null for 0. */
export function acceptsNull(schema: Schema): boolean {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodNull) return true
  const inner = innerOf(schema)
  return inner !== undefined && acceptsNull(inner)
}

function innerOf(schema: Schema): Schema | undefined {
  const { type, innerType } = schema.def as { type: string; innerType?: Schema } // wrappers of zod 4 name what they wrap so
  return ['default', 'prefault', 'nullable', 'optional', 'readonly', 'nonoptional', 'catch'].includes(type)
    ? innerType
    : undefined
}

function objectOf(schema: Schema): ObjectSchema | undefined {
  const bare = unwrap(schema)
  return bare instanceof z.ZodObject ? bare : undefined
}

/** `.describe` and `.meta` may stand before or after `.default`. */
function described<Key extends 'description' | 'secret'>(
  schema: Schema,
  key: Key,
): (Key extends 'secret' ? boolean : string) | undefined {
  const found = schema.meta()?.[key]
  if (found !== undefined) return found as never // our own schemas: a string for description, a boolean for secret
  const inner = innerOf(schema)
  return inner === undefined ? undefined : described(inner, key)
}

function defaultOf(schema: Schema): unknown {
  const parsed = schema.safeParse(undefined)
  return parsed.success ? parsed.data : undefined
}

type JsonSchema = {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly format?: string
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
}

function formOf(schema: Schema): string {
  return wordsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
}

function wordsOf(json: JsonSchema): string {
  if (json.anyOf !== undefined) return json.anyOf.map(wordsOf).join(' or ')
  if (json.enum !== undefined) return json.enum.map(String).join(' | ')
  if (json.const !== undefined) return String(json.const)
  const { type } = json
  if (Array.isArray(type)) return type.map((one) => wordsOf({ ...json, type: one })).join(' or ')
  switch (type) {
    case 'integer':
    case 'number': {
      const least = json.minimum ?? json.exclusiveMinimum
      const bounded = (bound: number | undefined) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
      const range = [bounded(least) ? `from ${least}` : '', bounded(json.maximum) ? `to ${json.maximum}` : ''].filter(Boolean)
      return [type === 'integer' ? 'whole number' : 'number', ...range].join(' ')
    }
    case 'boolean':
      return 'true | false'
    case 'array':
      return `list of ${json.items === undefined ? 'values' : wordsOf(json.items)}`
    case 'object':
      return typeof json.additionalProperties === 'object' ? `map of ${wordsOf(json.additionalProperties)}` : 'map'
    case 'null':
      return 'null'
    case 'string':
      if (json.format === 'uri') return 'URL'
      if (json.pattern !== undefined) return `text like ${json.pattern}`
      return json.minLength === undefined ? 'text' : 'text, not empty'
    default:
      return 'value'
  }
}
