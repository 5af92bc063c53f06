import type { EVMResult, Message } from '@ethereumjs/evm'
import type { VM } from '@ethereumjs/vm'
import { type Hex, toHex } from '@zerog/primitives'

/** One message of a transaction as the oracle's interpreter saw it, in the order of their starts. */
export type OracleFrame = {
  readonly depth: number
  readonly from: Hex
  /** undefined: a creation. */
  readonly to: Hex | undefined
  readonly value: bigint
  readonly gas: bigint
  readonly input: Hex
  gasUsed: bigint
  output: Hex
  /** The library's text. */
  error: string | undefined
}

/** Collects the frames of everything that runs until the returned function is called. */
export function watchFrames(evm: VM['evm'], frames: OracleFrame[]): () => void {
  const open: OracleFrame[] = []
  const before = (message: Message): void => {
    const frame: OracleFrame = {
      depth: message.depth,
      from: toHex(message.caller.bytes),
      // Code of somebody else runs in the account of the caller.
      to: message.to === undefined ? undefined : toHex(message.codeAddress.bytes),
      value: message.value,
      gas: message.gasLimit,
      input: toHex(message.data),
      gasUsed: 0n,
      output: '0x',
      error: undefined,
    }
    frames.push(frame)
    open.push(frame)
  }
  const after = ({ execResult }: EVMResult): void => {
    const frame = open.pop()
    if (frame === undefined) return
    frame.gasUsed = execResult.executionGasUsed
    frame.output = toHex(execResult.returnValue)
    frame.error = execResult.exceptionError?.error
  }
  evm.events?.on('beforeMessage', before)
  evm.events?.on('afterMessage', after)
  return () => {
    evm.events?.off('beforeMessage', before)
    evm.events?.off('afterMessage', after)
  }
}
