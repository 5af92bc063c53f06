import { ZerogError } from '@zerog/primitives'
import type { FastifyReply } from 'fastify'
import { FaceError, isPassing } from './face-error.ts'

/**
 * 0G's REST gateway answers everything with `{code, message, data}`; HTTP 200 also for refusals, 600 for failures of its own. What goes away
 * by itself is 503 here: clients try that again.
 */
export class BusinessError extends Error {
  override readonly name = 'BusinessError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data: unknown = null) {
    super(message)
    this.code = code
    this.data = data
  }
}

export const invalidParameter = (data: unknown) => new BusinessError(1, 'Invalid parameter', data)
export const fileNotFound = () => new BusinessError(101, 'File not found')
export const filePruned = () => new BusinessError(102, 'File already pruned')
export const fileNotFinalized = () => new BusinessError(103, 'File not finalized yet')
export const pathNotFound = (data: unknown) => new BusinessError(104, 'File path not found', data)
export const fileTooLarge = (data: unknown) => new BusinessError(105, 'File size too large', data)
export const typeUnsupported = (data: unknown) => new BusinessError(106, 'File type unsupported', data)

const STATUS_INTERNAL = 600

export function sendData(reply: FastifyReply, data: unknown): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify({ code: 0, message: 'Success', data }))
}

export function sendBusinessError(reply: FastifyReply, error: unknown): FastifyReply {
  const known = toBusinessError(error)
  const { code, message, data } = known ?? new BusinessError(2, 'Internal server error', dataOf(error))
  // Beside `code`, which knows the standard's statuses only.
  reply.raw.statusCode = known !== undefined ? 200 : isPassing(error) ? 503 : STATUS_INTERNAL
  if (reply.raw.statusCode === 503) reply.header('retry-after', '1')
  return reply.type('application/json; charset=utf-8').send(JSON.stringify({ code, message, data }))
}

function toBusinessError(error: unknown): BusinessError | undefined {
  if (error instanceof BusinessError) return error
  if (error instanceof FaceError) return invalidParameter(error.data ?? error.message)
  if (error instanceof ZerogError && error.status === 'INVALID_ARGUMENT')
    return invalidParameter(error.metadata.problem ?? error.message)
  return undefined
}

function dataOf(error: unknown): string {
  return error instanceof ZerogError && error.status !== 'INTERNAL' ? error.message : 'something went wrong on our side'
}
