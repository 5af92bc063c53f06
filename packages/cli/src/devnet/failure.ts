import { REASONS, type Reason } from '@zerog/primitives'

export type ReportedFailure = {
  readonly reason: Reason
  readonly message: string
  readonly metadata: Readonly<Record<string, string>>
}

/** The last failure document (`{"ok":false,"error":…}`) among the lines that a process printed, if there is one. */
export function failureIn(lines: readonly string[]): ReportedFailure | undefined {
  for (const line of lines.toReversed()) {
    const failure = parse(line)
    if (failure !== undefined) return failure
  }
  return undefined
}

function parse(line: string): ReportedFailure | undefined {
  try {
    const { ok, error } = JSON.parse(line)
    if (ok !== false || !(error.reason in REASONS) || typeof error.message !== 'string') return undefined
    return { reason: error.reason, message: error.message, metadata: error.metadata ?? {} }
  } catch {
    return undefined
  }
}
