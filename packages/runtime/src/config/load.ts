import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { assert, ZerogError } from '@zerog/primitives'
import type { z } from 'zod'
import { CONFIG_FILE_BYTES_MAX } from '../limits.ts'
import { type BaseConfig, baseConfig } from './base.ts'
import { type Environment, envPrefix, type Problem, readEnvironment, suggestion } from './environment.ts'
import { acceptsNull, type ConfigField, fieldsOf } from './fields.ts'

/** Sections of a file and prefixes of the environment that hold for all targets: `common:` and ZEROG_COMMON_<FIELD>. */
const COMMON = 'common'

export type LoadedConfig<Output> = {
  readonly base: BaseConfig
  /** What the module gets as `context.config`. */
  readonly module: Output
  /** Every field with its value and where it came from; secrets are hidden. */
  readonly shown: readonly ShownField[]
}

export type ShownField = { readonly name: string; readonly value: unknown; readonly source: string }

/**
 * Configuration of one target: defaults < file (`common`, then the target's section) < ZEROG_COMMON_<FIELD> < ZEROG_<TARGET>_<FIELD>
 * < overrides of the launcher. Throws CONFIG_INVALID with every problem at once: field, problem, accepted form.
 */
export function loadConfig<Schema extends z.ZodType>(options: {
  readonly target: string
  readonly schema: Schema
  /** YAML with merge keys (`<<`), so that targets share what must be the same. Sections of targets that are not in `targets` are refused. */
  readonly file?: string
  readonly env: Environment
  /** Every target name that exists, so that another target's section or variable is not taken for a mistake. */
  readonly targets?: readonly string[]
  /** By dotted field name: `grpcPort`, `limits.bodyBytesMax`. */
  readonly overrides?: Readonly<Record<string, unknown>>
}): LoadedConfig<z.output<Schema>> {
  const { target, schema, env, targets = [], overrides = {} } = options
  const baseFields = fieldsOf(baseConfig)
  const moduleFields = fieldsOf(schema)
  const baseNames = new Set(baseFields.map((field) => field.path[0]))
  for (const { path } of moduleFields)
    assert(!baseNames.has(path[0]), `field ${path[0]} of ${target} is one that every target has`)
  const fields = [...baseFields, ...moduleFields]

  const problems: Problem[] = []
  const values = new Map<ConfigField, { value: unknown; source: string }>()
  const put = (field: ConfigField, value: unknown, source: string) => values.set(field, { value, source })

  if (options.file !== undefined) {
    const file = readFile(options.file, [target, ...targets])
    for (const [section, known] of [
      [COMMON, fields],
      [target, fields],
    ] as const) {
      const found = flatten(file[section], `${options.file}: ${section}`, known, section === COMMON, problems)
      for (const [field, value] of found) put(field, value, `${options.file}: ${section}`)
    }
  }
  const foreign = targets.map(envPrefix).filter((prefix) => prefix !== envPrefix(target) && prefix.startsWith(envPrefix(target)))
  for (const read of [
    readEnvironment({ prefix: envPrefix(COMMON), fields: baseFields, env }),
    readEnvironment({ prefix: envPrefix(target), fields, env, foreign }),
  ]) {
    problems.push(...read.problems)
    for (const { field, value, source } of read.settings) put(field, value, source)
  }
  for (const [name, value] of Object.entries(overrides)) {
    const field = fields.find(({ path }) => path.join('.') === name)
    assert(field !== undefined, `${target} has no field ${name} to override`)
    put(field, value, 'launcher')
  }

  const parse = (part: z.ZodType, partFields: readonly ConfigField[]) => {
    const parsed = part.safeParse(assemble(partFields, values))
    if (!parsed.success) for (const issue of parsed.error.issues) problems.push(explain(issue, partFields, values, target))
    return parsed.data
  }
  const base = parse(baseConfig, baseFields) as BaseConfig // undefined only with problems, which throw below
  const module = parse(schema, moduleFields) as z.output<Schema>
  if (problems.length > 0) throw invalid(target, problems)
  return { base, module, shown: fields.map((field) => show(field, { ...base, ...(module as object) }, values)) }
}

export type DescribedField = {
  readonly name: string
  readonly env: string
  readonly default: unknown
  readonly description: string
  readonly form: string
  readonly secret: boolean
}

/** Every field of a target's schema, for `zerog config print|verify`, the documents and the charts. */
export function describeConfig(schema: z.ZodType, target: string): readonly DescribedField[] {
  return fieldsOf(schema).map((field) => ({
    name: field.path.join('.'),
    env: envPrefix(target) + field.envSuffix,
    default: field.default,
    description: field.description,
    form: field.form,
    secret: field.secret,
  }))
}

function readFile(path: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  const refuse = (problem: string, cause?: unknown) =>
    new ZerogError('CONFIG_INVALID', { message: `${path}: ${problem}`, metadata: { file: path }, cause })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw refuse(`cannot be read (${(cause as NodeJS.ErrnoException).code}); check the path and its permissions`, cause)
  }
  if (text.length > CONFIG_FILE_BYTES_MAX) throw refuse(`is larger than ${CONFIG_FILE_BYTES_MAX} bytes`)
  // Loaded where there is a file: most processes are configured by their environment.
  const { parseDocument }: typeof import('yaml') = createRequire(import.meta.url)('yaml')
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, merge: true })
  const [problem] = document.errors
  if (problem !== undefined) throw refuse(`is not valid YAML: ${problem.message.split('\n')[0]}`, problem)
  let content: unknown
  try {
    content = document.toJS({ maxAliasCount: 100 }) ?? {}
  } catch (cause) {
    throw refuse('uses too many aliases', cause)
  }
  if (!isMap(content)) throw refuse('must be a map of sections: common, or the name of a target')
  for (const section of Object.keys(content)) {
    const accepted = [COMMON, ...known]
    if (!accepted.includes(section)) throw refuse(`section "${section}" is no target${suggestion(section, accepted)}`)
  }
  return content
}

/** Leaves of a section by field. `common` may hold only what every target has, but is read by all. */
function flatten(
  section: unknown,
  where: string,
  fields: readonly ConfigField[],
  common: boolean,
  problems: Problem[],
): Map<ConfigField, unknown> {
  const found = new Map<ConfigField, unknown>()
  if (section === undefined || section === null) return found
  const accepted = common ? fields.filter(({ path }) => Object.hasOwn(baseConfig.shape, path[0] as string)) : fields
  const names = accepted.map(({ path }) => path.join('.'))
  const visit = (value: unknown, path: readonly string[]) => {
    const name = path.join('.')
    const field = accepted.find((candidate) => candidate.path.join('.') === name)
    if (field !== undefined && value === null && !acceptsNull(field.schema)) {
      problems.push({ where: `${where}.${name}`, problem: 'is empty', form: field.form })
    } else if (field !== undefined) found.set(field, value)
    else if (isMap(value) && (path.length === 0 || names.some((candidate) => candidate.startsWith(`${name}.`)))) {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key])
    } else if (path.length === 0) problems.push({ where, problem: 'must be a map of fields' })
    else problems.push({ where: `${where}.${name}`, problem: `no such setting${suggestion(name, names)}` })
  }
  visit(section, [])
  return found
}

function assemble(fields: readonly ConfigField[], values: ReadonlyMap<ConfigField, { readonly value: unknown }>): object {
  const root: Record<string, unknown> = {}
  for (const field of fields) {
    const set = values.get(field)
    if (set === undefined) continue
    let at = root
    for (const key of field.path.slice(0, -1)) {
      at[key] ??= {}
      at = at[key] as Record<string, unknown> // made in the line above
    }
    at[field.path.at(-1) as string] = set.value // a path is never empty
  }
  return root
}

function explain(
  issue: z.core.$ZodIssue,
  fields: readonly ConfigField[],
  values: ReadonlyMap<ConfigField, { readonly source: string }>,
  target: string,
): Problem {
  const field = fields.find(({ path }) => path.every((key, index) => issue.path[index] === key))
  if (field === undefined) return { where: `${target} ${issue.path.join('.')}`, problem: issue.message }
  const source = values.get(field)?.source
  const inner = issue.path.slice(field.path.length).join('.')
  const where = `${field.path.join('.')}${inner === '' ? '' : `.${inner}`} (${source ?? envPrefix(target) + field.envSuffix})`
  return { where, problem: source === undefined ? 'must be set' : issue.message, form: field.form }
}

function show(field: ConfigField, config: object, values: ReadonlyMap<ConfigField, { readonly source: string }>): ShownField {
  let value: unknown = config
  for (const key of field.path) value = (value as Record<string, unknown> | undefined)?.[key] // walks what zod has checked
  const hidden = field.secret && value !== null && value !== undefined && value !== ''
  return { name: field.path.join('.'), value: hidden ? '(hidden)' : value, source: values.get(field)?.source ?? 'default' }
}

function invalid(target: string, problems: readonly Problem[]): ZerogError {
  const lines = problems.map(
    ({ where, problem, form }) => `${where}: ${problem}${form === undefined ? '' : `; accepted: ${form}`}`,
  )
  return new ZerogError('CONFIG_INVALID', {
    message: `the configuration of ${target} is not valid: ${lines.join('\n  ')}`,
    metadata: {
      target,
      field: problems
        .map(({ where }) => where)
        .join(', ')
        .slice(0, 500),
    },
  })
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
