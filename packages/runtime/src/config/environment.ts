import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CONFIG_FILE_BYTES_MAX } from '../limits.ts'
import { acceptsNull, type ConfigField, unwrap, upperSnake } from './fields.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Setting = { readonly field: ConfigField; readonly value: unknown; readonly source: string }
export type Problem = { readonly where: string; readonly problem: string; readonly form?: string }

/** `chain-validator` -> `ZEROG_CHAIN_VALIDATOR_` */
export function envPrefix(target: string): string {
  return `ZEROG_${upperSnake(target)}_`
}

/**
 * The settings of one prefix. A variable `<NAME>_FILE` gives the path of a file with the value (secrets); its last line break is
 * dropped. Every variable below the prefix must be a field; `foreign` are longer prefixes of other targets.
 */
export function readEnvironment(options: {
  readonly prefix: string
  readonly fields: readonly ConfigField[]
  readonly env: Environment
  readonly foreign?: readonly string[]
}): { readonly settings: readonly Setting[]; readonly problems: readonly Problem[] } {
  const { prefix, fields, env, foreign = [] } = options
  const byName = new Map(fields.map((field) => [prefix + field.envSuffix, field]))
  const settings: Setting[] = []
  const problems: Problem[] = []
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(prefix) || foreign.some((other) => name.startsWith(other))) continue
    const direct = byName.get(name)
    const byFile = name.endsWith('_FILE') ? byName.get(name.slice(0, -'_FILE'.length)) : undefined
    const field = direct ?? byFile
    if (field === undefined) {
      problems.push({ where: name, problem: `no such setting${suggestion(name, [...byName.keys()])}` })
      continue
    }
    if (direct === undefined && env[name.slice(0, -'_FILE'.length)] !== undefined) {
      problems.push({ where: name, problem: `${name} and ${name.slice(0, -'_FILE'.length)} are both set; keep one` })
      continue
    }
    try {
      const value = parseText(field.schema, direct === undefined ? readSecret(text) : text)
      settings.push({ field, value, source: name })
    } catch (error) {
      problems.push({ where: name, problem: (error as Error).message, form: field.form })
    }
  }
  return { settings, problems }
}

/** The value that a text of the environment stands for. Texts that do not fit stay texts: the schema says what is wrong. */
export function parseText(schema: z.ZodType, text: string): unknown {
  if (acceptsNull(schema) && (text === '' || text === 'null')) return null
  const bare = unwrap(schema)
  if (bare instanceof z.ZodNumber) {
    if (text.trim() === '') throw new Error('is empty')
    return /^[+-]?(\d[\d_]*)?\.?\d+([eE][+-]?\d+)?$/.test(text) ? Number(text.replaceAll('_', '')) : text
  }
  if (bare instanceof z.ZodBigInt) return /^-?\d{1,80}$/.test(text) ? BigInt(text) : text
  if (bare instanceof z.ZodBoolean)
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
  if (bare instanceof z.ZodArray) return text.startsWith('[') ? parseJson(text) : splitList(text)
  if (bare instanceof z.ZodRecord) return text.startsWith('{') ? parseJson(text) : splitMap(bare, text)
  if (bare instanceof z.ZodUnion || bare instanceof z.ZodLiteral) return schema.safeParse(text).success ? text : tryJson(text)
  return text
}

/** The closest of the accepted names, if one is close: `; did you mean X?` */
export function suggestion(given: string, accepted: readonly string[]): string {
  const ranked = accepted
    .map((name) => ({ name, distance: editDistance(given, name) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.max(2, given.length / 5) ? `; did you mean ${best.name}?` : ''
}

function readSecret(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new Error(`the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (bytes.length > CONFIG_FILE_BYTES_MAX) throw new Error(`the file ${path} is larger than ${CONFIG_FILE_BYTES_MAX} bytes`)
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('is not valid JSON')
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** `key=a,b;other=c` for maps of lists, `key=a;other=b` for other maps. */
function splitMap(schema: z.ZodRecord, text: string): Record<string, unknown> {
  const lists = unwrap(schema.valueType as z.ZodType) instanceof z.ZodArray // zod types the value schema as its core type
  const entries = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=')
      if (at < 1) throw new Error(`has an entry without "=": ${entry.slice(0, 60)}`)
      const value = entry.slice(at + 1).trim()
      return [entry.slice(0, at).trim(), lists ? splitList(value) : value]
    }),
  )
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1) // indexes are in range
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
