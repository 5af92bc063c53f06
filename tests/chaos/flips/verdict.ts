import { ZerogError } from '@zerog/primitives'

/**
 * How a flipped byte ended.
 * - refused: an error names the store and the record in it
 * - refused store: an error names the store and the page or file in it; nothing of it is used
 * - stopped: the node stops with the command that rebuilds; the rebuild was run and gave the same chain again
 * - found: everything that a node reads is right; `zerog doctor --deep` names the store and the record
 * - unchanged: everything is right, and `zerog doctor --deep` proves it
 * - WRONG: data came out that did not go in, or a failure without a name
 */
export type VerdictKind = 'refused' | 'refused store' | 'stopped' | 'found' | 'unchanged' | 'WRONG'
export type Verdict = { readonly kind: VerdictKind; readonly detail: string }

/** One thing that a store was asked for: what came out, or the error. Never throws. */
export type Line = { readonly name: string; readonly value: string } | { readonly name: string; readonly error: unknown }

export async function line(name: string, read: () => unknown): Promise<Line> {
  try {
    return { name, value: String(await read()) }
  } catch (error) {
    return { name, error }
  }
}

/** What differs silently from the truth: a value that is another one, or one that is missing. */
export function silentlyWrong(lines: readonly Line[], truth: ReadonlyMap<string, string>): string | undefined {
  const found = new Map(lines.map((entry) => [entry.name, entry]))
  for (const [name, value] of truth) {
    const entry = found.get(name)
    if (entry === undefined) return `${name} is gone`
    if ('value' in entry && entry.value !== value) return `${name} is ${entry.value.slice(0, 100)} and was ${value.slice(0, 100)}`
  }
  return lines.find(({ name }) => !truth.has(name))?.name
}

export function firstError(lines: readonly Line[]): unknown {
  return lines.flatMap((entry) => ('error' in entry ? [entry.error] : []))[0]
}

const DAMAGE_REASONS: ReadonlySet<string> = new Set([
  'RECORD_CORRUPT',
  'DATA_FOLDER_DAMAGED',
  'VERIFICATION_FAILED',
  'PROOF_INVALID',
])

/** An error by what it tells an operator. `store` is how the store is called in errors: its folder or its name. */
export function judgeError(error: unknown, stores: readonly string[]): Verdict {
  if (!(error instanceof ZerogError)) return { kind: 'WRONG', detail: `no error of the registry: ${describe(error)}` }
  const { reason, message, metadata } = error
  const detail = `${reason}: ${message}`
  if (!DAMAGE_REASONS.has(reason)) return { kind: 'WRONG', detail }
  const text = `${message} ${Object.values(metadata).join(' ')}`
  if (!stores.some((store) => text.includes(store))) return { kind: 'WRONG', detail: `it names no store: ${detail}` }
  if (message.includes('zerog chain rebuild')) return { kind: 'stopped', detail }
  return { kind: metadata.key === undefined ? 'refused store' : 'refused', detail }
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
