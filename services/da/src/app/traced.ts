import type { Traces } from '@zerog/ports'

/** Where steps of the running request are shown: the traces of a target, or nowhere (the simulator). */
export type StepTraces = Pick<Traces, 'begin' | 'current'>

/** One step of the running request, as a span of its own. `bench/da-dispersal.ts --timeline` reads them. */
export async function traced<T>(traces: StepTraces | undefined, name: string, work: () => Promise<T>): Promise<T> {
  if (traces === undefined) return work()
  const parent = traces.current()
  const scope = traces.begin({ name, of: parent === undefined ? [] : [parent] })
  try {
    const result = await scope.run(work)
    scope.end()
    return result
  } catch (error) {
    scope.end(error)
    throw error
  }
}
