import { ZerogError } from '@zerog/primitives'
import { codeOf } from '../folder.ts'

const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', 'EAI_AGAIN'])

/** Serialization failure and deadlock: the same transaction may succeed when it runs again. */
export function isRetriable(error: unknown): boolean {
  const code = codeOf(error)
  return code === '40001' || code === '40P01'
}

/**
 * What an operator or a caller can act on as ZerogError: server away, wrong password, full disk. Everything else (a constraint,
 * a syntax error) is between a repository and its schema and passes unchanged.
 */
export function sqlError(error: unknown, where: string): unknown {
  if (error instanceof ZerogError) return error
  const code = codeOf(error) ?? ''
  const text = messageOf(error)
  if (code === '53100' || /No space left on device/.test(text)) {
    return new ZerogError('DISK_FULL', {
      message: `the disk of PostgreSQL at ${where} is full; free space, then retry`,
      cause: error,
    })
  }
  if (code.startsWith('28')) {
    return new ZerogError('CONFIG_INVALID', {
      message: `PostgreSQL at ${where} refused the user or password; check the URL`,
      cause: error,
    })
  }
  if (code === '3D000') {
    return new ZerogError('CONFIG_INVALID', { message: `the database of ${where} does not exist; create it`, cause: error })
  }
  // 08: connection, 57P: shutdown or start-up, 53300: too many connections. pg has no codes for its own time-outs.
  const away = CONNECTION_CODES.has(code) || code.startsWith('08') || code.startsWith('57P') || code === '53300'
  if (away || /Connection terminated|timeout exceeded|Query read timeout|Client has encountered a connection error/i.test(text)) {
    return new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: `PostgreSQL at ${where} does not answer (${text}); check that it runs and can be reached`,
      retryAfterMs: 1000,
      cause: error,
    })
  }
  return error
}

/** host:port/database, without user and password. */
export function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url)
    return `${host}${pathname}`
  } catch {
    throw new ZerogError('CONFIG_INVALID', {
      message: 'the PostgreSQL URL has the form postgresql://user:password@host:port/database',
    })
  }
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  // Node reports a refused connection to a name with several addresses as an AggregateError without a message.
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.map(messageOf).join('; ')
  return 'message' in error ? String(error.message) : String(error)
}
