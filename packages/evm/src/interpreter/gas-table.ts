import { opcodeName, stackItems } from '../engine/opcodes.ts'

// What an operation costs whatever it works on; the rest is charged where it is done. Yellow paper H, with EIP-2929's warm prices.

const GROUPS: readonly (readonly [gas: number, opcodes: readonly number[]])[] = [
  [1, [0x5b]],
  [
    2,
    [
      0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x48, 0x4a, 0x50, 0x58, 0x59, 0x5a,
      0x5f,
    ],
  ],
  [3, [0x01, 0x03, ...range(0x10, 0x1d), 0x35, 0x37, 0x39, 0x3e, 0x49, 0x51, 0x52, 0x53, 0x5e, ...range(0x60, 0x9f)]],
  [5, [0x02, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x47]],
  [8, [0x08, 0x09, 0x56]],
  [10, [0x0a, 0x57]],
  [20, [0x40]],
  [30, [0x20]],
  [100, [0x31, 0x3b, 0x3c, 0x3f, 0x54, 0x5c, 0x5d, 0xf1, 0xf2, 0xf4, 0xfa]],
  [375, [0xa0]],
  [750, [0xa1]],
  [1_125, [0xa2]],
  [1_500, [0xa3]],
  [1_875, [0xa4]],
  [5_000, [0xff]],
  [32_000, [0xf0, 0xf5]],
]

/** Gas by opcode. */
export const STATIC_GAS: Int32Array = table(() => 0)
for (const [gas, opcodes] of GROUPS) for (const opcode of opcodes) STATIC_GAS[opcode] = gas

/** Items that must be there, and how many more there are afterwards. */
export const STACK_NEEDED: Int32Array = table((opcode) => stackItems(opcode).pops)
export const STACK_GROWTH: Int32Array = table((opcode) => stackItems(opcode).growth)

export const DEFINED: Uint8Array = Uint8Array.from({ length: 256 }, (_, opcode) =>
  opcodeName(opcode).endsWith('not defined') || opcode === 0xfe ? 0 : 1,
)

export const COLD_ACCOUNT_GAS = 2_500
export const COLD_SLOT_GAS = 2_000
export const CALL_VALUE_GAS = 9_000
export const CALL_STIPEND = 2_300
export const NEW_ACCOUNT_GAS = 25_000
export const CODE_BYTE_GAS = 200
export const LOG_BYTE_GAS = 8
export const EXP_BYTE_GAS = 50
export const COPY_WORD_GAS = 3
export const KECCAK_WORD_GAS = 6
export const INITCODE_WORD_GAS = 2
/** EIP-2200: SSTORE must leave the stipend alone. */
export const SSTORE_SENTRY_GAS = 2_300
/** EIP-3529. */
export const SSTORE_CLEAR_REFUND = 4_800

function table(value: (opcode: number) => number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, opcode) => value(opcode))
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
