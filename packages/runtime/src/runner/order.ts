import { assert, ZerogError } from '@zerog/primitives'
import { suggestion } from '../config/environment.ts'
import type { ServiceModule } from '../module.ts'

/** A replica of a target in this process. */
export type TargetRequest = {
  readonly target: string
  /** Default: what the configuration says (0). */
  readonly instance?: number
  /** Settings of the launcher, by dotted field name; they win over file and environment. */
  readonly overrides?: Readonly<Record<string, unknown>>
}

/**
 * The requested replicas in an order in which each comes after the targets that it depends on; otherwise as given. `all` stands for
 * one replica of every module. Targets that are depended on but not requested run elsewhere.
 */
export function orderTargets<Module extends Pick<ServiceModule, 'target' | 'dependsOn'>>(
  modules: readonly Module[],
  requested: readonly (string | TargetRequest)[],
): readonly { readonly module: Module; readonly request: TargetRequest }[] {
  const byTarget = new Map(modules.map((module) => [module.target, module]))
  assert(byTarget.size === modules.length, 'two modules have the same target')
  const requests = requested.flatMap((item) => {
    if (item === 'all') return modules.map(({ target }) => ({ target }))
    return [typeof item === 'string' ? { target: item } : item]
  })
  if (requests.length === 0) throw new ZerogError('INVALID_ARGUMENT', { message: 'no target was given; name one, or all' })
  const groups = Map.groupBy(requests, ({ target }) => target)
  for (const target of groups.keys()) if (!byTarget.has(target)) throw unknownTarget(target, [...byTarget.keys()])

  const order: string[] = []
  const open = new Set<string>()
  const visit = (target: string) => {
    if (order.includes(target)) return
    assert(!open.has(target), `targets depend on each other in a circle: ${[...open, target].join(' -> ')}`)
    open.add(target)
    for (const dependency of byTarget.get(target)?.dependsOn ?? []) visit(dependency)
    open.delete(target)
    order.push(target)
  }
  for (const target of groups.keys()) visit(target)
  return order.flatMap((target) => {
    const module = byTarget.get(target)
    return module === undefined ? [] : (groups.get(target) ?? []).map((request) => ({ module, request }))
  })
}

function unknownTarget(target: string, known: readonly string[]): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', {
    message: `there is no target ${target}${suggestion(target, known)} (known: ${known.join(', ')})`,
    metadata: { target },
  })
}
