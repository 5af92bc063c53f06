import type { Streams } from './output/output.ts'

/** What a command line runs in: the process, or a test. */
export type CliHost = { readonly streams: Streams; readonly env: NodeJS.ProcessEnv }

/** NO_COLOR (any value but empty) and --no-color win; else colour on a terminal only. */
export function colorWanted(flag: boolean, host: CliHost): boolean {
  return flag && (host.env.NO_COLOR ?? '') === '' && host.streams.err.isTTY === true
}
