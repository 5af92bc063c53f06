import type { Output, Result } from './output/output.ts'
import type { GlobalFlags, Settings } from './settings/settings.ts'

/** What an action gets besides its arguments. */
export type ActionContext = {
  readonly output: Output
  readonly env: NodeJS.ProcessEnv
  readonly flags: GlobalFlags
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  readonly settings: () => Promise<Settings>
  /** For commands that end well with another code than 0, e.g. a doctor that found something. */
  readonly exitWith: (code: number) => void
}

/** Wraps an action: its result is printed once, in the form that the flags ask for. */
export type Act = <Args extends readonly any[]>(
  work: (context: ActionContext, ...args: Args) => Promise<Result | undefined>,
) => (...args: any[]) => Promise<void>
