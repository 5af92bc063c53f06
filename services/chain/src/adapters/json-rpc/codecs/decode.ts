/**
 * Decoders of parameters. Each takes any JSON value and returns a domain value or throws `DecodeError`, whose text is what
 * Go's JSON decoder says about geth's types: clients and conformance tests match on it.
 */
export type Codec<T> = (value: unknown) => T

export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** A value of the wrong form for a Go type. Inside a structure Go names the field too, which `struct` adds. */
export class Mismatch extends DecodeError {
  readonly what: string
  readonly goType: string

  constructor(what: string, goType: string, place = 'value') {
    super(`json: cannot unmarshal ${what} into Go ${place} of type ${goType}`)
    this.what = what
    this.goType = goType
  }
}

/** Go's words for the kinds of JSON values. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

export const text: Codec<string> = (value) => {
  if (typeof value !== 'string') throw new Mismatch(kindOf(value), 'string')
  return value
}

export const bool: Codec<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new Mismatch(kindOf(value), 'bool')
  return value
}

/** A JSON number. */
export const float: Codec<number> = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Mismatch(kindOf(value), 'float64')
  return value
}

export function array<T>(item: Codec<T>, goType: string, options: { readonly lengthMax: number }): Codec<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Mismatch(kindOf(value), goType)
    if (value.length > options.lengthMax) throw new DecodeError(`more than ${options.lengthMax} items in ${goType}`)
    return value.map(item)
  }
}

type Fields = Readonly<Record<string, Codec<unknown>>>
type Decoded<F extends Fields> = { readonly [K in keyof F]?: F[K] extends Codec<infer T> ? T : never }

/** Known members decoded, absent and null ones left out, unknown ones ignored, as Go does. */
export function struct<F extends Fields>(name: string, fields: F): Codec<Decoded<F>> {
  const entries = Object.entries(fields)
  return (value) => {
    const source = record(value, name)
    const out: Record<string, unknown> = {}
    for (const [key, decode] of entries) {
      // hasOwn: `__proto__` and friends of the outside are not members.
      const member = Object.hasOwn(source, key) ? source[key] : undefined
      if (member === undefined || member === null) continue
      out[key] = inField(`${name}.${key}`, () => decode(member))
    }
    return out as Decoded<F>
  }
}

/** The members of a JSON object. */
export function record(value: unknown, goType: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Mismatch(kindOf(value), goType)
  return value as Readonly<Record<string, unknown>>
}

function inField<T>(place: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof Mismatch && !error.message.includes('Go struct field')) {
      throw new Mismatch(error.what, error.goType, `struct field ${place}`)
    }
    throw error
  }
}
