import { ZerogError } from '@zerog/primitives'

export function parseInteger(
  text: string,
  options: { readonly what: string; readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= options.min && value <= options.max) return value
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `${options.what}: ${text} is no whole number from ${options.min} to ${options.max}`,
  })
}
