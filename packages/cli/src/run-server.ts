import { parseArgs } from 'node:util'
import { runTargets } from './devnet/run-targets.ts'
import { exitCodeOf } from './exit-codes.ts'
import { createOutput } from './output/output.ts'

/**
 * `zerog run …` as pods and the launcher write it, without commander and the clients of the other commands. Resolves with the exit code;
 * undefined for a line that it does not understand: the whole command words help and mistakes.
 */
export async function runServer(args: readonly string[]): Promise<number | undefined> {
  const options = read(args)
  if (options === undefined) return undefined
  const { target, instance, json, ...rest } = options
  try {
    return await runTargets(
      { env: process.env },
      {
        target,
        instance,
        dieWithParent: rest['die-with-parent'],
        ...(rest['config-file'] === undefined ? {} : { configFile: rest['config-file'] }),
      },
    )
  } catch (error) {
    createOutput({ json, quiet: false, verbose: false, color: false }, { out: process.stdout, err: process.stderr }).failure(
      error,
    )
    return exitCodeOf(error)
  }
}

function read(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        target: { type: 'string' },
        instance: { type: 'string', default: '0' },
        'config-file': { type: 'string' },
        'die-with-parent': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const { target } = values
    return target === undefined ? undefined : { ...values, target }
  } catch {
    return undefined
  }
}
