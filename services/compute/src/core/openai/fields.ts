import { badRequest } from './errors.ts'

/** A JSON object of unknown form. */
export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Strict UTF-8, one JSON object. Throws OpenAiError. */
export function parseJsonObject(body: Uint8Array): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(body))
  } catch {
    throw badRequest(
      'We could not parse the JSON body of your request. It must be one JSON object in UTF-8.',
      undefined,
      'invalid_json',
    )
  }
  if (!isObject(value)) throw badRequest('The body of your request must be a JSON object.', undefined, 'invalid_json')
  return value
}
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Absent and null are the same to OpenAI. */
function given(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined
}

export function optionalString(object: JsonObject, name: string, bytesMax: number, path = name): string | undefined {
  const value = given(object, name)
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrongType(path, 'a string', value)
  return checkedText(value, path, bytesMax)
}

export function optionalBoolean(object: JsonObject, name: string): boolean | undefined {
  const value = given(object, name)
  if (value === undefined || typeof value === 'boolean') return value
  throw wrongType(name, 'a boolean', value)
}

export function optionalInteger(object: JsonObject, name: string, range: readonly [number, number]): number | undefined {
  const value = given(object, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongType(name, 'an integer', value)
  return inRange(value, name, range)
}

export function optionalNumber(object: JsonObject, name: string, range: readonly [number, number]): number | undefined {
  const value = given(object, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  return inRange(value, name, range)
}

export function optionalObject(object: JsonObject, name: string): JsonObject | undefined {
  const value = given(object, name)
  if (value === undefined || isObject(value)) return value
  throw wrongType(name, 'an object', value)
}

export function optionalArray(object: JsonObject, name: string, countMax: number, path = name): readonly unknown[] | undefined {
  const value = given(object, name)
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw wrongType(path, 'an array', value)
  if (value.length > countMax) {
    throw badRequest(`Invalid '${path}': at most ${countMax} items, got ${value.length}.`, path, 'array_above_max_length')
  }
  return value
}

/** Half a surrogate pair has no UTF-8 form, so no hash could cover it. */
export function checkedText(value: string, path: string, bytesMax: number): string {
  // A character of JavaScript is at most three bytes of UTF-8: the exact count is needed only near the limit.
  if (value.length > bytesMax / 3 && encoder.encode(value).length > bytesMax) {
    throw badRequest(`Invalid '${path}': at most ${bytesMax} bytes.`, path, 'string_above_max_length')
  }
  if (!value.isWellFormed()) throw badRequest(`Invalid '${path}': half a surrogate pair is no text.`, path, 'invalid_value')
  return value
}
const encoder = new TextEncoder()

export function wrongType(path: string, wanted: string, value: unknown) {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`
  return badRequest(`Invalid type for '${path}': expected ${wanted}, but got ${got} instead.`, path, 'invalid_type')
}

export function missing(path: string) {
  return badRequest(`Missing required parameter: '${path}'.`, path, 'missing_required_parameter')
}

function inRange(value: number, path: string, [min, max]: readonly [number, number]): number {
  if (value < min || Number.isNaN(value)) {
    throw badRequest(`Invalid '${path}': at least ${min}, got ${value}.`, path, 'integer_below_min_value')
  }
  if (value > max) throw badRequest(`Invalid '${path}': at most ${max}, got ${value}.`, path, 'integer_above_max_value')
  return value
}
