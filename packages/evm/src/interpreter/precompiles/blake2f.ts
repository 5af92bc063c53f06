import { createEvmKernel } from '@zerog/kernels/evm'
import type { Precompile } from './precompile.ts'

const INPUT_BYTES = 213
const kernel = createEvmKernel()

/** 0x09: the compression function of BLAKE2b with a given number of rounds (EIP-152): rounds, h, m, t, and whether the block is the last. */
export const blake2f: Precompile = {
  gas: (input) => (input.length === INPUT_BYTES ? rounds(input) : 0),
  run: (input) => {
    if (input.length !== INPUT_BYTES) return 'invalid input length'
    const last = input[212] as number
    if (last > 1) return 'invalid final flag'
    kernel.blake.set(input.subarray(4, 212))
    kernel.blake2f(rounds(input), last === 1)
    return kernel.blake.slice(0, 64)
  },
}

function rounds(input: Uint8Array): number {
  return new DataView(input.buffer, input.byteOffset, 4).getUint32(0)
}
