import { type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { PARAMS_BYTES_MAX, STOPS_MAX } from './limits.ts'

/** Everything besides request and model that decides which tokens come out. */
export type SamplingParams = {
  readonly maxTokens: number
  readonly seed: bigint
  /** stop sequences in the order of the request */
  readonly stop: readonly string[]
  /** thousandths; 0 is greedy */
  readonly temperatureMilli: number
  /** 0: no limit */
  readonly topK: number
  /** thousandths, 1 to 1,000 */
  readonly topPMilli: number
}

/**
 * keccak256 of the canonical JSON (RFC 8785) of the parameters: keys in this order, integers as numbers, the seed as a decimal
 * string because it may exceed 2^53: `{"maxTokens":64,"seed":"7","stop":[],"temperatureMilli":0,"topK":0,"topPMilli":1000}`.
 * @throws ZerogError INVALID_ARGUMENT for a value out of range or a stop sequence that is not well-formed Unicode
 */
export function paramsHash(params: SamplingParams): Hex {
  return toHex(keccak256(new TextEncoder().encode(canonicalParams(params))))
}

export function canonicalParams({ maxTokens, seed, stop, temperatureMilli, topK, topPMilli }: SamplingParams): string {
  for (const [name, value] of Object.entries({ maxTokens, temperatureMilli, topK, topPMilli })) {
    check(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, `${name} is an unsigned 32-bit integer`)
  }
  check(seed >= 0n && seed < 2n ** 64n, 'seed is an unsigned 64-bit integer')
  check(stop.length <= STOPS_MAX && stop.every(isWellFormed), `stop holds at most ${STOPS_MAX} texts of well-formed Unicode`)
  const text = JSON.stringify({ maxTokens, seed: String(seed), stop, temperatureMilli, topK, topPMilli })
  check(text.length <= PARAMS_BYTES_MAX, `parameters have at most ${PARAMS_BYTES_MAX} characters`)
  return text
}

function isWellFormed(text: string): boolean {
  return text.isWellFormed()
}

function check(holds: boolean, rule: string): void {
  if (!holds) throw new ZerogError('INVALID_ARGUMENT', { message: rule })
}
