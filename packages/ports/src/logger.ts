export type LogFields = Readonly<Record<string, unknown>>

/** error: someone must act; warn: degraded; info: state change; debug: per request. `event` is a snake_case name. */
export interface Logger {
  error(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  debug(event: string, fields?: LogFields): void
  child(fields: LogFields): Logger
}
