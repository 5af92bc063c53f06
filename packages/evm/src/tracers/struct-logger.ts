import { type Hex, toHex } from '@zerog/primitives'
import type { Engine } from '../engine/engine.ts'
import { stackItems } from '../engine/opcodes.ts'
import type { Applied } from '../engine/transition.ts'
import type { TracerConfig } from '../executor.ts'
import { STRUCT_LOGS_MAX } from '../limits.ts'
import { stateKey } from '../state/world-state.ts'
import { type FrameEnd, type FrameStart, quantityOf, type Step, wordOf } from './hooks.ts'
import type { Tracer } from './tracer.ts'

type StructLog = {
  pc: number
  op: string
  gas: number
  gasCost: number
  depth: number
  error?: string
  stack?: Hex[]
  returnData?: Hex
  memory?: Hex[]
  storage?: Record<Hex, Hex>
  refund?: number
}

const CALL_STIPEND = 2_300n

/** geth's default tracer (eth/tracers/logger), in the form that execution-apis standardises. */
export function createStructLogger(config: Extract<TracerConfig, { tracer: 'structLogger' }>, { state }: Engine): Tracer {
  const logs: StructLog[] = []
  const limit = config.limit === undefined || config.limit <= 0 ? STRUCT_LOGS_MAX : Math.min(config.limit, STRUCT_LOGS_MAX)
  const storages = new Map<Hex, Record<Hex, Hex>>()
  let returned: Uint8Array = new Uint8Array(0)
  let last: { log: StructLog; code: number } | undefined

  /** geth adds the gas that goes with a call to the cost of the call. */
  const enter = ({ gas, value, type }: FrameStart): void => {
    if (last === undefined || type === 'SELFDESTRUCT' || type.startsWith('CREATE')) return
    const paid = value !== undefined && value > 0n && type !== 'DELEGATECALL' ? gas - CALL_STIPEND : gas
    last.log.gasCost += Number(paid)
    last = undefined
  }
  const exit = ({ output }: FrameEnd): void => {
    returned = output
  }
  const storageAt = ({ code, stack, address }: Step): Record<Hex, Hex> | undefined => {
    const slot = stack.at(-1)
    if (config.disableStorage === true || slot === undefined || (code !== 0x54 && code !== 0x55)) return undefined
    const seen = storages.get(address) ?? {}
    storages.set(address, seen)
    const key = wordOf(slot)
    if (code === 0x54) seen[key] = padded(state.storage(stateKey(address), stateKey(key)))
    else if (stack.length > 1) seen[key] = wordOf(stack.at(-2) ?? 0n)
    return { ...seen }
  }
  const step = (at: Step): void => {
    last = undefined
    const storage = storageAt(at)
    if (logs.length >= limit) return
    const error = faultOf(at)
    const log: StructLog = {
      pc: at.pc,
      op: at.name,
      gas: Number(at.gas),
      gasCost: Number(at.cost),
      depth: at.depth,
      ...(error !== undefined && { error }),
      ...(config.disableStack !== true && { stack: at.stack.map((item) => quantityOf(item)) }),
      ...(config.enableReturnData === true && returned.length > 0 && { returnData: toHex(returned) }),
      ...(config.enableMemory === true && at.memory.length > 0 && { memory: words(at.memory) }),
      ...(storage !== undefined && { storage }),
      ...(at.refund > 0n && { refund: Number(at.refund) }),
    }
    logs.push(log)
    if (CALL_CODES.has(at.code)) last = { log, code: at.code }
  }

  return {
    hooks: { enter, exit, step },
    result: ({ gasUsed, error, output }: Applied) => ({
      gas: Number(gasUsed),
      failed: error !== undefined,
      returnValue: error === undefined || error === 'execution reverted' ? toHex(output) : '0x',
      structLogs: logs,
    }),
  }
}

const CALL_CODES: ReadonlySet<number> = new Set([0xf1, 0xf2, 0xf4, 0xfa])

/** What geth finds wrong before it runs an operation. */
function faultOf({ code, stack, gas, cost }: Step): string | undefined {
  const { pops, growth } = stackItems(code)
  if (stack.length < pops) return `stack underflow (${stack.length} <=> ${pops})`
  if (stack.length + growth > 1024) return `stack limit reached ${stack.length} (${1024 - growth})`
  return cost > gas ? 'out of gas' : undefined
}

function words(memory: Uint8Array): Hex[] {
  return Array.from({ length: memory.length / 32 }, (_, index) => toHex(memory.subarray(32 * index, 32 * index + 32)))
}

function padded(value: Uint8Array): Hex {
  return `0x${Buffer.from(value).toString('hex').padStart(64, '0')}`
}
