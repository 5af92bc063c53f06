import { ZerogError } from '@zerog/primitives'
import { LOG_BYTES_SHOWN, LOG_DEPTH_MAX, LOG_ITEMS_MAX, LOG_TEXT_CHARS_MAX } from '../limits.ts'

const SECRET_NAME =
  /((private|secret|api|access|signing|session)_?keys?|passwords?|passphrase|secrets?|tokens?|mnemonic|authorization|cookies?|prompts?)$/i
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]+/gi
const PEM_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g
const HIDDEN = '(hidden)'

/** A value as it may stand in a log line: secrets by name and by form are hidden, sizes and depths bounded, bytes as hex. */
export function loggable(value: unknown, name = '', depth = 0): unknown {
  if (value === undefined || value === null || typeof value === 'boolean' || typeof value === 'number') return value
  if (SECRET_NAME.test(name)) return HIDDEN
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return hexOf(value)
  if (value instanceof Error) return loggableError(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (typeof value !== 'object') return String(value)
  if (depth >= LOG_DEPTH_MAX) return '(deeper)'
  if (Array.isArray(value)) {
    const shown = value.slice(0, LOG_ITEMS_MAX).map((item) => loggable(item, name, depth + 1))
    return value.length > LOG_ITEMS_MAX ? [...shown, `(${value.length - LOG_ITEMS_MAX} more)`] : shown
  }
  const entries = Object.entries(value).slice(0, LOG_ITEMS_MAX)
  return Object.fromEntries(entries.map(([key, inner]) => [key, loggable(inner, key, depth + 1)]))
}

/** Passwords in URLs, bearer tokens and PEM keys inside a text. */
export function redactText(text: string): string {
  const bounded = text.length > LOG_TEXT_CHARS_MAX ? `${text.slice(0, LOG_TEXT_CHARS_MAX)}… (${text.length} chars)` : text
  return bounded.replace(URL_PASSWORD, `$1${HIDDEN}@`).replace(BEARER, `$1 ${HIDDEN}`).replace(PEM_KEY, HIDDEN)
}

function loggableError(error: Error, depth: number): unknown {
  return {
    name: error.name,
    ...(error instanceof ZerogError ? { reason: error.reason, ...metadataOf(error) } : {}),
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined || depth >= LOG_DEPTH_MAX ? {} : { cause: loggable(error.cause, 'cause', depth + 1) }),
  }
}

function metadataOf(error: ZerogError): object {
  return Object.keys(error.metadata).length === 0 ? {} : { metadata: loggable(error.metadata) }
}

function hexOf(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LOG_BYTES_SHOWN)).toString('hex')
  return bytes.length > LOG_BYTES_SHOWN ? `0x${shown}… (${bytes.length} bytes)` : `0x${shown}`
}
