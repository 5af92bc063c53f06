import { HTTP_STATUS, ZerogError } from '@zerog/primitives'
import { OpenAiError } from '../../../core/openai/errors.ts'

/** Whatever was thrown in OpenAI's form. What is nobody's business but ours stays in the log. */
export function toOpenAiError(error: unknown): OpenAiError {
  if (error instanceof OpenAiError) return error
  const internal = 'The router had a problem of its own; its log has it under the id of this request.'
  if (error instanceof ZerogError) {
    const hidden = error.status === 'INTERNAL' || error.status === 'DATA_LOSS'
    return new OpenAiError(
      {
        status: HTTP_STATUS[error.status],
        message: hidden ? internal : error.message,
        code: error.reason.toLowerCase(),
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      },
      { cause: error },
    )
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  if (status === 413)
    return new OpenAiError({ status: 413, message: 'The body of your request is too large.', code: 'request_too_large' })
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new OpenAiError({ status: 400, message: error instanceof Error ? error.message : 'The request cannot be read.' })
  }
  return new OpenAiError({ status: 500, message: internal }, { cause: error })
}
