import { ZerogError } from '@zerog/primitives'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { type CliHost, colorWanted } from './host.ts'
import { createOutput, type Output, type OutputOptions } from './output/output.ts'
import { createProgram } from './program.ts'

/** Runs one command line; resolves with its exit code and never throws. */
export async function runCli(args: readonly string[], host: CliHost = processHost()): Promise<number> {
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort(new ZerogError('CANCELLED', { message: 'interrupted' }))
  process.once('SIGINT', onInterrupt)
  let output: Output = createOutput(earlyOptions(args, host), host.streams)
  const program = createProgram({
    host,
    signal: interrupted.signal,
    outputFor: (options) => {
      output = createOutput(options, host.streams)
      return output
    },
  })
  try {
    await program.command.parseAsync([...args], { from: 'user' })
    return program.exitCode()
  } catch (error) {
    if (error instanceof CommanderError) return usageExit(error, output)
    const cause = interrupted.signal.aborted ? interrupted.signal.reason : error
    output.failure(cause)
    return exitCodeOf(cause)
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

/** commander has printed its own sentence to stderr; with --json the document follows on stdout. */
function usageExit(error: CommanderError, output: Output): number {
  if (error.exitCode === 0) return EXIT.ok
  if (output.options.json) {
    output.failure(new ZerogError('INVALID_ARGUMENT', { message: error.message.replace(/^error: /, '') }))
  }
  return EXIT.usage
}

/** Until the command line is parsed, enough to word a failure of the parsing itself. */
function earlyOptions(args: readonly string[], host: CliHost): OutputOptions {
  return {
    json: args.includes('--json'),
    quiet: false,
    verbose: args.includes('--verbose'),
    color: colorWanted(!args.includes('--no-color'), host),
  }
}

function processHost(): CliHost {
  return { streams: { out: process.stdout, err: process.stderr }, env: process.env }
}
