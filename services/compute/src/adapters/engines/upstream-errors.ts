import { ZerogError } from '@zerog/primitives'
import type { HttpAnswer } from '../../app/http-client.ts'

/** Bytes of an error answer that are read. */
const ERROR_BYTES_MAX = 16_384

export function unreachable(cause: unknown): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the upstream of this model is not reachable', cause })
}

export function brokenAnswer(problem: string): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the upstream of this model broke its answer: ${problem.slice(0, 200)}`,
    metadata: { code: 'upstream_broken' },
  })
}

/** What the caller can do something about stays the caller's error; the rest is the provider's trouble. */
export async function answerError(response: HttpAnswer): Promise<ZerogError> {
  const { message, param, code } = await readError(response)
  const metadata = { ...(param === undefined ? {} : { param }), ...(code === undefined ? {} : { code }) }
  switch (response.status) {
    case 400:
    case 413:
    case 422:
      return new ZerogError('INVALID_ARGUMENT', { message: `the model refused the request: ${message}`, metadata })
    case 429: {
      const seconds = Number(response.headers['retry-after'])
      const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 60_000) : 1000
      return new ZerogError('RATE_LIMITED', { message: 'the upstream of this model has too much to do', retryAfterMs })
    }
    default:
      return new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: `the upstream of this model answered ${response.status}`,
        metadata: { code: 'upstream_failed' },
        cause: new Error(message),
      })
  }
}

async function readError(response: HttpAnswer): Promise<{ message: string; param?: string; code?: string }> {
  try {
    const text = new TextDecoder().decode(await response.body.whole(ERROR_BYTES_MAX))
    const { error } = JSON.parse(text) as { error?: { message?: unknown; param?: unknown; code?: unknown } | string } // checked below
    if (typeof error === 'string') return { message: error.slice(0, 300) }
    return {
      message: typeof error?.message === 'string' ? error.message.slice(0, 300) : `status ${response.status}`,
      ...(typeof error?.param === 'string' ? { param: error.param.slice(0, 100) } : {}),
      ...(typeof error?.code === 'string' ? { code: error.code.slice(0, 100) } : {}),
    }
  } catch {
    return { message: `status ${response.status}` }
  }
}
