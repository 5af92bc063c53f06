import { type Hex, toHex } from '@zerog/primitives'
import type { Applied, MessageRequest } from '../engine/transition.ts'
import type { CallFrame, TracerConfig } from '../executor.ts'
import { type FrameEnd, type FrameStart, memorySlice, quantityOf, type Step, wordOf } from './hooks.ts'
import { revertReason } from './revert-reason.ts'
import type { Tracer } from './tracer.ts'

type Frame = {
  readonly start: FrameStart
  end: FrameEnd | undefined
  readonly calls: Frame[]
  readonly logs: {
    readonly address: Hex
    readonly topics: Hex[]
    readonly data: Hex
    readonly position: number
    readonly order: number
  }[]
}

/** geth's callTracer (eth/tracers/native/call.go). `logIndex` is the block's number of logs before this transaction. */
export function createCallTracer(
  config: Extract<TracerConfig, { tracer: 'callTracer' }>,
  run: { readonly message: MessageRequest; readonly logIndex: number },
): Tracer {
  const open: Frame[] = []
  let root: Frame | undefined
  let order = 0

  const enter = (start: FrameStart): void => {
    const frame: Frame = { start, end: undefined, calls: [], logs: [] }
    const parent = open.at(-1)
    if (parent === undefined) root = frame
    else if (config.onlyTopCall !== true) parent.calls.push(frame)
    open.push(frame)
  }
  const exit = (end: FrameEnd): void => {
    const frame = open.pop()
    if (frame !== undefined) frame.end = end
  }
  const step = ({ code, stack, memory, address, static: readOnly, gas, cost }: Step): void => {
    const topics = code - 0xa0
    if (config.withLog !== true || topics < 0 || topics > 4 || readOnly || cost > gas || stack.length < topics + 2) return
    if (config.onlyTopCall === true && open.length > 1) return
    const top = (index: number): bigint => stack.at(-1 - index) ?? 0n
    const frame = open.at(-1)
    frame?.logs.push({
      address,
      topics: Array.from({ length: topics }, (_, index) => wordOf(top(2 + index))),
      data: toHex(memorySlice(memory, top(0), top(1))),
      position: frame.calls.length,
      order: order++,
    })
  }

  return {
    hooks: { enter, exit, step },
    result: (applied: Applied) => {
      const { message } = run
      // The transaction's frame shows the whole transaction: its gas limit, and the gas of the receipt.
      const top: Frame = root ?? { start: topStart(message), end: undefined, calls: [], logs: [] }
      const start = { ...top.start, gas: message.gasLimit }
      const end: FrameEnd = {
        output: applied.output,
        gasUsed: applied.gasUsed,
        error: applied.error,
        created: message.to === null ? (applied.contractAddress ?? undefined) : undefined,
      }
      const kept = new Map(
        succeeded(top, end)
          .toSorted((a, b) => a - b)
          .map((at, index) => [at, run.logIndex + index]),
      )
      return format({ ...top, start, end }, kept)
    },
  }
}

function topStart({ from, to, value, gasLimit, data }: MessageRequest): FrameStart {
  return { type: to === null ? 'CREATE' : 'CALL', depth: 0, from, to: to ?? undefined, value, gas: gasLimit, input: data }
}

/** Orders of the logs that no failed frame took back. */
function succeeded(frame: Frame, end: FrameEnd | undefined = frame.end): number[] {
  if (end?.error !== undefined) return []
  return [...frame.logs.map(({ order }) => order), ...frame.calls.flatMap((call) => succeeded(call))]
}

/** Field order as geth prints it. */
function format({ start, end, calls, logs }: Frame, kept: ReadonlyMap<number, number>): CallFrame {
  const creation = start.type === 'CREATE' || start.type === 'CREATE2'
  const failed = end?.error !== undefined
  const to = creation ? (failed ? undefined : end?.created) : start.to
  const output = end === undefined || (failed && end.error !== 'execution reverted') ? undefined : end.output
  const reason = end?.error === 'execution reverted' ? revertReason(end.output) : undefined
  const shown = logs.filter(({ order }) => kept.has(order))
  return {
    from: start.from,
    gas: quantityOf(start.gas),
    gasUsed: quantityOf(end?.gasUsed ?? 0n),
    ...(to !== undefined && { to }),
    input: toHex(start.input),
    ...(output !== undefined && output.length > 0 && { output: toHex(output) }),
    ...(end?.error !== undefined && { error: end.error }),
    ...(reason !== undefined && { revertReason: reason }),
    ...(calls.length > 0 && { calls: calls.map((call) => format(call, kept)) }),
    ...(shown.length > 0 && {
      logs: shown.map(({ address, topics, data, position, order }) => ({
        address,
        topics,
        data,
        position: quantityOf(position),
        index: quantityOf(kept.get(order) ?? 0),
      })),
    }),
    ...(start.value !== undefined && { value: quantityOf(start.value) }),
    type: start.type,
  }
}
