import { run, type TargetRequest } from '@zerog/runtime'
import type { ActionContext } from '../action.ts'
import { parseInteger } from '../commands/integer.ts'
import { loadModules, parseTargets, TARGETS } from './modules.ts'
import { targetEnv } from './settings.ts'

/** `zerog run --target=…`: what a pod and a child of the launcher run. Resolves with the exit code after an orderly stop. */
export async function runTargets(
  context: Pick<ActionContext, 'env'>,
  options: { readonly target: string; readonly instance: string; readonly configFile?: string; readonly dieWithParent?: boolean },
): Promise<number> {
  const targets = parseTargets(options.target)
  const instance = parseInteger(options.instance, { what: '--instance', min: 0, max: 9_999 })
  const postgresPerProcess = context.env.ZEROG_COMMON_NATS_URL === undefined
  const running = await run({
    modules: await loadModules(targets),
    targets: targets.map((target): TargetRequest => ({ target, instance })),
    knownTargets: TARGETS,
    shape: postgresPerProcess ? 'embedded' : 'cluster',
    env: targetEnv(context.env),
    ...(options.configFile === undefined ? {} : { configFile: options.configFile }),
    dieWithParent: options.dieWithParent === true,
  })
  const { code, error } = await running.ended
  if (error !== undefined) throw error
  return code
}
