import type { LogFields, Logger } from '@zerog/ports'
import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'
import { loggable } from './redact.ts'
import { currentIds } from './tracing.ts'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Where lines go: stdout, or for tests anything that takes text. */
export type LogSink = { readonly write: (line: string) => void }

export type Logging = {
  /** A logger whose lines carry `fields`; `level` is the least severe that is written. */
  readonly logger: (level: LogLevel, fields?: LogFields) => Logger
}

/**
 * One JSON object per line: `time`, `level`, `event`, the ids of the running trace and the fields. On a terminal the same as one
 * line of text.
 */
export function createLogging(options: { readonly sink?: LogSink; readonly pretty?: boolean } = {}): Logging {
  const sink = options.sink ?? standardOutput()
  const pretty = options.pretty ?? (options.sink === undefined && process.stdout.isTTY === true)
  const root = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'event',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      mixin: traceFields,
    },
    pretty ? { write: (line: string) => sink.write(prettyLine(line)) } : sink,
  )
  return {
    logger: (level, fields = {}) => wrap(root.child(loggable(fields) as LogFields, { level })),
  }
}

/** Says nothing. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
}

/**
 * On Linux writes to stdout are synchronous, so nothing is lost when the process ends. Pino's own destination retries forever when the
 * reader is gone (seen with a killed launcher: the child hung in flushSync); here a missing reader is no reason to fail or to stay.
 */
function standardOutput(): LogSink {
  if (!process.stdout.listeners('error').includes(ignore)) process.stdout.on('error', ignore)
  return { write: (line) => void process.stdout.write(line) }
}

function ignore(): void {}

function wrap(inner: PinoLogger): Logger {
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    if (!inner.isLevelEnabled(level)) return
    if (fields === undefined) inner[level](event)
    else inner[level](loggable(fields), event)
  }
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (fields) => wrap(inner.child(loggable(fields) as LogFields)),
  }
}

function traceFields(): object {
  const { traceId, spanId, requestId } = currentIds()
  return {
    ...(traceId === undefined ? {} : { trace_id: traceId, span_id: spanId }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  }
}

/** `12:00:01.250 info  gateway  gateway_listening rpcUrl=http://… ` */
function prettyLine(line: string): string {
  const { time, level, event, target, trace_id: _trace, span_id: _span, request_id: request, error, ...fields } = JSON.parse(line)
  const details = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  if (request !== undefined) details.push(`request=${request}`)
  const trouble =
    error === undefined ? '' : ` error=${error.reason ?? error.name ?? ''} ${error.message ?? JSON.stringify(error)}`
  const oneLine = `${details.join(' ')}${trouble}`.replaceAll('\n', ' ')
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(target ?? '').padEnd(16)} ${event} ${oneLine}\n`
}
