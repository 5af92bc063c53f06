import type { CallFrame, Log } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import { word } from '../format/hex.ts'

/** ERC-7528: the address that stands for ether. */
const ETHER: Hex = '0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
/** keccak256("Transfer(address,address,uint256)"). */
const TRANSFER: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** Frames nest at most 1,024 deep in the machine. */
const MOVES_VALUE: ReadonlySet<string> = new Set(['CALL', 'CREATE', 'CREATE2', 'SELFDESTRUCT'])

/** The logs of a call tree in order of execution, with a Transfer log for each move of ether; nothing of failed frames. */
export function logsWithTransfers(frame: CallFrame): readonly Log[] {
  const out: Log[] = []
  collect(frame, out)
  return out
}

function collect(frame: CallFrame, out: Log[]): void {
  if (frame.error !== undefined) return
  const value = BigInt(frame.value ?? '0x0')
  if (value > 0n && frame.to !== undefined && MOVES_VALUE.has(frame.type)) {
    out.push({ address: ETHER, topics: [TRANSFER, padded(frame.from), padded(frame.to)], data: word(value) })
  }
  const calls = frame.calls ?? []
  const logs = frame.logs ?? []
  // A log's position is the number of calls that its frame had made before it.
  for (let position = 0; position <= calls.length; position++) {
    for (const log of logs) {
      if (Number(log.position) === position) out.push({ address: log.address, topics: log.topics, data: log.data })
    }
    const call = calls[position]
    if (call !== undefined) collect(call, out)
  }
}

function padded(address: Hex): Hex {
  return `0x${address.slice(2).padStart(64, '0')}`
}
