import type { EVM, EVMResult, InterpreterStep, Message } from '@ethereumjs/evm'
import { toHex } from '@zerog/primitives'
import type { WorldState } from '../state/world-state.ts'
import { addressOf, type FrameStart, type Hooks, memorySlice, type Step } from '../tracers/hooks.ts'
import { errorText } from './error-text.ts'
import { opcodeName } from './opcodes.ts'

type OpenFrame = { readonly static: boolean; readonly inputBytes: number; lastStep: Step | undefined; pending: Step | undefined }

const CALLS: ReadonlyMap<number, string> = new Map([
  [0xf0, 'CREATE'],
  [0xf1, 'CALL'],
  [0xf2, 'CALLCODE'],
  [0xf4, 'DELEGATECALL'],
  [0xf5, 'CREATE2'],
  [0xfa, 'STATICCALL'],
])
const CALL_STIPEND = 2_300n
const DEPTH_MAX = 1024

/** Tells what the library's events mean in the words of geth's hooks; returns how to stop. */
export function attach({ evm, state }: { readonly evm: EVM; readonly state: WorldState }, hooks: Hooks): () => void {
  const frames: OpenFrame[] = []

  const beforeMessage = (message: Message): void => {
    const parent = frames.at(-1)
    const code = parent?.pending?.code
    if (parent !== undefined) parent.pending = undefined
    const type = code === undefined ? (message.to === undefined ? 'CREATE' : 'CALL') : (CALLS.get(code) ?? 'CALL')
    frames.push({ static: message.isStatic, inputBytes: message.data.length, lastStep: undefined, pending: undefined })
    const inner = type === 'DELEGATECALL' || type === 'CALLCODE'
    const target = inner ? message.codeAddress : message.to
    hooks.enter?.({
      type,
      depth: message.depth,
      // A delegated call keeps its caller's caller; geth shows the contract that delegates.
      from: toHex(type === 'DELEGATECALL' && message.to !== undefined ? message.to.bytes : message.caller.bytes),
      to: target === undefined ? undefined : toHex(target.bytes),
      value: type === 'STATICCALL' ? undefined : message.value,
      gas: message.gasLimit,
      // A view of the caller's memory, which changes before a trace is printed.
      input: message.data.slice(),
    })
  }

  const afterMessage = ({ execResult, createdAddress }: EVMResult): void => {
    // A call that is still pending here is what the frame failed at: geth shows no frame for it, and nobody paid for its memory.
    const frame = frames.pop()
    hooks.exit?.({
      output: execResult.returnValue,
      gasUsed: execResult.executionGasUsed,
      error: errorText(execResult, frame?.inputBytes ?? 0),
      created: createdAddress === undefined ? undefined : toHex(createdAddress.bytes),
    })
  }

  const onStep = (event: InterpreterStep): void => {
    const frame = frames.at(-1)
    if (frame === undefined) return
    if (frame.pending !== undefined) notEntered(frame.pending)
    const { code } = event.opcode
    const step: Step = {
      pc: event.pc,
      code,
      name: opcodeName(code),
      gas: event.gasLeft,
      cost: event.opcode.dynamicFee ?? BigInt(event.opcode.fee),
      depth: event.depth + 1,
      stack: event.stack,
      memory: event.memory,
      address: toHex(event.address.bytes),
      refund: event.gasRefund,
      static: frame.static,
    }
    frame.lastStep = step
    frame.pending = CALLS.has(code) && step.cost <= step.gas ? step : undefined
    hooks.step?.(step)
    if (code === 0xff && !frame.static && step.stack.length > 0 && step.cost <= step.gas) selfDestruct(step)
  }

  /** The library leaves a call at the depth limit or without funds before it opens a frame; geth shows it. */
  const notEntered = (step: Step): void => {
    const frame = frames.at(-1)
    if (frame !== undefined) frame.pending = undefined
    const start = failedCall(step)
    if (start === undefined) return
    hooks.enter?.(start)
    const error = step.depth > DEPTH_MAX ? 'max call depth exceeded' : 'insufficient balance for transfer'
    hooks.exit?.({ output: new Uint8Array(0), gasUsed: 0n, error, created: undefined })
  }

  const selfDestruct = (step: Step): void => {
    const balance = state.account(Buffer.from(step.address.slice(2), 'hex').toString('latin1'))?.balance ?? 0n
    const to = addressOf(step.stack.at(-1) ?? 0n)
    hooks.enter?.({
      type: 'SELFDESTRUCT',
      depth: step.depth,
      from: step.address,
      to,
      value: balance,
      gas: 0n,
      input: new Uint8Array(0),
    })
    hooks.exit?.({ output: new Uint8Array(0), gasUsed: 0n, error: undefined, created: undefined })
  }

  evm.events.on('beforeMessage', beforeMessage)
  evm.events.on('afterMessage', afterMessage)
  // Without steps the type of a nested call is unknown.
  evm.events.on('step', onStep)
  return () => {
    evm.events.off('beforeMessage', beforeMessage)
    evm.events.off('afterMessage', afterMessage)
    evm.events.off('step', onStep)
  }
}

function failedCall(step: Step): FrameStart | undefined {
  const top = (index: number): bigint => step.stack.at(-1 - index) ?? 0n
  const type = CALLS.get(step.code)
  if (type === undefined) return undefined
  const spare = step.gas - step.cost
  const most = spare - spare / 64n
  const base = { type, depth: step.depth, from: step.address }
  if (type === 'CREATE' || type === 'CREATE2') {
    return { ...base, to: undefined, value: top(0), gas: most, input: memorySlice(step.memory, top(1), top(2)) }
  }
  const withValue = type === 'CALL' || type === 'CALLCODE'
  const value = withValue ? top(2) : undefined
  const at = withValue ? 3 : 2
  let asked = most
  if (top(0) < most) asked = top(0)
  const gas = asked + (value !== undefined && value > 0n ? CALL_STIPEND : 0n)
  return { ...base, to: addressOf(top(1)), value, gas, input: memorySlice(step.memory, top(at), top(at + 1)) }
}
