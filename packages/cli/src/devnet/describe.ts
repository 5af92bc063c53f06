import { ZerogError } from '@zerog/primitives'
import { baseConfig, type DescribedField, describeConfig, loadConfig } from '@zerog/runtime'
import { loadModules, parseTargets, TARGETS } from './modules.ts'
import { targetEnv } from './settings.ts'

type Source = { readonly target?: string; readonly configFile?: string; readonly env: NodeJS.ProcessEnv }

export type PrintedField = {
  readonly target: string
  readonly name: string
  readonly env: string
  readonly value: string
  readonly source: string
  readonly default: unknown
  readonly form: string
  readonly description: string
}

/** Every field of the targets with the value in effect and where it came from. */
export async function printConfig(source: Source): Promise<readonly PrintedField[]> {
  const printed: PrintedField[] = []
  for (const { module, loaded } of await loadAll(source)) {
    const described = new Map(fieldsOf(module).map((field) => [field.name, field]))
    for (const { name, value, source: from } of loaded.shown) {
      const field = described.get(name)
      if (field === undefined) continue
      const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
      printed.push({
        target: module.target,
        name,
        env: field.env,
        value: text,
        source: from,
        default: field.default,
        form: field.form,
        description: field.description,
      })
    }
  }
  return printed
}

/** Throws CONFIG_INVALID with every problem; returns the targets that were checked. */
export async function verifyConfig(source: Source): Promise<readonly string[]> {
  return (await loadAll(source)).map(({ module }) => module.target)
}

/** Fields of one target, for `zerog explain gateway.port`. */
export async function describeTarget(target: string): Promise<readonly DescribedField[]> {
  const [module] = await loadModules(parseTargets(target).slice(0, 1))
  return module === undefined ? [] : fieldsOf(module)
}

type LoadedModule = Awaited<ReturnType<typeof loadModules>>[number]

function fieldsOf(module: LoadedModule): readonly DescribedField[] {
  return [...describeConfig(baseConfig, module.target), ...describeConfig(module.config, module.target)]
}

async function loadAll({ target, configFile, env }: Source) {
  const modules = await loadModules(parseTargets(target))
  const all = modules.map((module) => {
    const file = configFile === undefined ? {} : { file: configFile }
    return {
      module,
      loaded: loadConfig({ target: module.target, schema: module.config, env: targetEnv(env), targets: TARGETS, ...file }),
    }
  })
  if (all.length === 0) throw new ZerogError('INVALID_ARGUMENT', { message: 'no target was named' })
  return all
}
