import type { Rules } from '../rules.ts'
import { blake2f } from './blake2f.ts'
import { BLS_PRECOMPILES } from './bls.ts'
import { bn254Add, bn254Mul, bn254Pairing } from './bn254.ts'
import { ecrecover, identity, ripemd, sha256 } from './hashes.ts'
import { pointEvaluation } from './kzg.ts'
import { modexp } from './modexp.ts'
import type { Precompile, Precompiles } from './precompile.ts'

const CANCUN: readonly Precompile[] = [
  ecrecover,
  sha256,
  ripemd,
  identity,
  modexp,
  bn254Add,
  bn254Mul,
  bn254Pairing,
  blake2f,
  pointEvaluation,
]

/** The precompiles of a fork, from address 1 on, and those that an installation adds at addresses of its own. */
export function precompilesOf(rules: Rules, custom: Precompiles = new Map()): Precompiles {
  const standard = rules.bls ? [...CANCUN, ...BLS_PRECOMPILES] : CANCUN
  return new Map([...standard.map((precompile, index): [string, Precompile] => [keyAt(index + 1), precompile]), ...custom])
}

function keyAt(number: number): string {
  return `${'\0'.repeat(19)}${String.fromCharCode(number)}`
}
