import { ZerogError } from '@zerog/primitives'
import pc from 'picocolors'

/** Where a command writes: data on stdout, everything else on stderr. */
export type Streams = {
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number }
}

export type OutputOptions = {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly color: boolean
}

/** What a command returns: `data` is the document of --json, `text` what people read (default: its fields, one per line). */
export type Result = { readonly data: unknown; readonly text?: string }

export type Output = {
  readonly options: OutputOptions
  readonly streams: Streams
  readonly colors: ReturnType<typeof pc.createColors>
  readonly result: (result: Result) => void
  readonly failure: (error: unknown) => void
  /** A line for people, on stderr, unless --quiet. */
  readonly note: (text: string) => void
}

export function createOutput(options: OutputOptions, streams: Streams): Output {
  const colors = pc.createColors(options.color)
  return {
    options,
    streams,
    colors,
    result: ({ data, text }) => {
      if (options.json) streams.out.write(`${toJson({ v: 1, ok: true, data })}\n`)
      else streams.out.write(`${text ?? fieldLines(data)}\n`)
    },
    failure: (error) => {
      const failure = describeFailure(error)
      if (options.json) streams.out.write(`${toJson({ v: 1, ok: false, error: failure })}\n`)
      else streams.err.write(failureText(failure, colors))
      if (options.verbose && error instanceof Error) streams.err.write(`${error.stack ?? ''}\n`)
    },
    note: (text) => {
      if (!options.quiet) streams.err.write(`${text}\n`)
    },
  }
}

export type Failure = {
  readonly reason: string
  readonly message: string
  readonly requestId?: string
  readonly docs: string
  readonly metadata?: Readonly<Record<string, string>>
}

export function describeFailure(error: unknown): Failure {
  if (!(error instanceof ZerogError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { reason: 'INTERNAL', message, docs: 'docs/errors/INTERNAL.md' }
  }
  const { requestId } = error.metadata
  return {
    reason: error.reason,
    message: error.message,
    ...(requestId === undefined ? {} : { requestId }),
    docs: `docs/errors/${error.reason}.md`,
    ...(Object.keys(error.metadata).length === 0 ? {} : { metadata: error.metadata }),
  }
}

function failureText(failure: Failure, colors: Output['colors']): string {
  const id = failure.requestId === undefined ? '' : ` (request ${failure.requestId})`
  return `${colors.red('error')} ${failure.message}${id}\n${colors.dim(`zerog explain ${failure.reason}`)}\n`
}

/** JSON with amounts as decimal strings and bytes as 0x text: no digit is lost, no encoding has to be guessed. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return String(item)
    return item instanceof Uint8Array ? `0x${Buffer.from(item).toString('hex')}` : item
  })
}

/** `name   value` for each field; nested values as JSON. */
export function fieldLines(data: unknown): string {
  if (typeof data !== 'object' || data === null) return String(data)
  const rows = Object.entries(data).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}`).join('\n')
}

/** A table with a head line; columns as wide as they need. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

function plain(value: unknown): string {
  return typeof value === 'object' && value !== null ? toJson(value) : String(value)
}
