import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type Child = { readonly process: ChildProcess; readonly lines: AsyncIterator<string>; readonly errors: () => string }

/** A child that runs one of our scripts in test/children. */
export function startChild(script: URL, ...arguments_: string[]): Child {
  const child = spawn(process.execPath, [fileURLToPath(script), ...arguments_], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000)
  })
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](), errors: () => errors }
}

/** Reads lines until `enough`, kills the child with SIGKILL at that moment, and gives every line that it got out. */
export async function linesUntilKilled(child: Child, enough: (count: number, line: string) => boolean): Promise<string[]> {
  const lines: string[] = []
  for (;;) {
    const step = await child.lines.next()
    if (step.done) break
    lines.push(step.value)
    if (enough(lines.length, step.value)) child.process.kill('SIGKILL')
  }
  if (child.process.signalCode !== 'SIGKILL') {
    await new Promise((resolve) => (child.process.exitCode === null ? child.process.once('exit', resolve) : resolve(undefined)))
  }
  if (child.process.signalCode !== 'SIGKILL') throw new Error(`the child ended by itself:\n${child.errors()}`)
  return lines
}

/** A small generator whose seed is printed, so that a failing run can be repeated: ZEROG_SEED=… */
export function seededNumbers(label: string): (below: number) => number {
  const seed = Number(process.env.ZEROG_SEED ?? Date.now() % 2 ** 31)
  process.stderr.write(`${label}: ZEROG_SEED=${seed}\n`)
  let state = seed >>> 0
  return (below) => {
    // Numerical Recipes' linear congruential generator; the high bits are good enough to choose places.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
