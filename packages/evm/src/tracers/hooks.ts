import { bigintToBytes, type Hex, toHex } from '@zerog/primitives'

export type FrameStart = {
  /** CALL, CALLCODE, DELEGATECALL, STATICCALL, CREATE, CREATE2 or SELFDESTRUCT. */
  readonly type: string
  /** 0 for the transaction's own frame. */
  readonly depth: number
  readonly from: Hex
  /** Absent for a creation until it ends. */
  readonly to: Hex | undefined
  /** Absent for STATICCALL. */
  readonly value: bigint | undefined
  readonly gas: bigint
  readonly input: Uint8Array
}

export type FrameEnd = {
  readonly output: Uint8Array
  readonly gasUsed: bigint
  /** geth's text. */
  readonly error: string | undefined
  readonly created: Hex | undefined
}

export type Step = {
  readonly pc: number
  readonly code: number
  readonly name: string
  /** Before the operation. */
  readonly gas: bigint
  readonly cost: bigint
  /** 1 for the transaction's own frame. */
  readonly depth: number
  /** Top is last. */
  readonly stack: readonly bigint[]
  readonly memory: Uint8Array
  readonly address: Hex
  readonly refund: bigint
  readonly static: boolean
}

/** What a tracer hears, in the order and with the meaning of geth's hooks. */
export type Hooks = {
  readonly enter?: (frame: FrameStart) => void
  readonly exit?: (end: FrameEnd) => void
  readonly step?: (step: Step) => void
}

export function addressOf(word: bigint): Hex {
  return `0x${(word & ((1n << 160n) - 1n)).toString(16).padStart(40, '0')}`
}

export function wordOf(value: bigint): Hex {
  return toHex(bigintToBytes(value, 32))
}

export function quantityOf(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}

/** A part of memory as the operation would see it: zeros beyond its end. */
export function memorySlice(memory: Uint8Array, offset: bigint, length: bigint): Uint8Array {
  const out = new Uint8Array(Number(length))
  if (offset < BigInt(memory.length)) out.set(memory.subarray(Number(offset), Number(offset + length)))
  return out
}
