import type { CallFrame } from '../../src/executor.ts'
import type { OracleFrame } from '../../src/oracle/frames.ts'
import type { OracleResult } from '../../src/oracle/oracle.ts'
import { sameError } from './error-class.ts'

type Found = { readonly field: string; readonly ours: string; readonly oracle: string } | undefined

/** Compares what geth's callTracer shows of one transaction with the messages of the oracle. */
export function compareFrames(top: CallFrame, oracle: readonly OracleFrame[], outcome: OracleResult): Found {
  const ours = flatten(top, 0)
  if (ours.length !== oracle.length) {
    return { field: 'frames', ours: ours.map(describe).join(' '), oracle: oracle.map(describeOracle).join(' ') }
  }
  for (const [index, { frame, depth }] of ours.entries()) {
    const theirs = oracle[index] as OracleFrame
    const found = compareFrame(frame, theirs, depth)
    if (found !== undefined) return { ...found, field: `frame ${index} ${found.field}` }
  }
  const output = top.error === undefined || top.error === 'execution reverted' ? (top.output ?? '0x') : '0x'
  const wanted =
    outcome.error === undefined || (outcome.error === 'revert' && top.error === 'execution reverted')
      ? `0x${Buffer.from(outcome.output).toString('hex')}`
      : '0x'
  return output === wanted ? undefined : { field: 'output', ours: output, oracle: wanted }
}

type Flat = { readonly frame: CallFrame; readonly depth: number }

/** The library reports no message for a SELFDESTRUCT and for what fails before it starts. */
function flatten(frame: CallFrame, depth: number): Flat[] {
  if (frame.type === 'SELFDESTRUCT') return []
  if (depth > 0 && frame.error !== undefined && NOT_STARTED.test(frame.error)) return []
  return [{ frame, depth }, ...(frame.calls ?? []).flatMap((call) => flatten(call, depth + 1))]
}

const NOT_STARTED = /^(insufficient balance for transfer|max call depth exceeded|nonce uint64 overflow)/

function compareFrame(ours: CallFrame, oracle: OracleFrame, depth: number): Found {
  const creation = ours.type === 'CREATE' || ours.type === 'CREATE2'
  const failed = ours.error !== undefined && ours.error !== 'execution reverted'
  const pairs: [string, unknown, unknown][] = [
    ['depth', depth, oracle.depth],
    ['creation', creation, oracle.to === undefined],
    ['input', ours.input, oracle.input],
  ]
  // geth's frame of the transaction shows the whole transaction's gas, which the receipt has compared.
  if (depth > 0) pairs.push(['gas', BigInt(ours.gas), oracle.gas], ['gasUsed', BigInt(ours.gasUsed), oracle.gasUsed])
  if (!creation) pairs.push(['to', ours.to, oracle.to])
  if (depth > 0 && !failed && !creation) pairs.push(['output', ours.output ?? '0x', oracle.output])
  if (ours.value !== undefined && ours.type !== 'DELEGATECALL') pairs.push(['value', BigInt(ours.value), oracle.value])
  for (const [field, a, b] of pairs) if (a !== b) return { field, ours: String(a), oracle: String(b) }
  if (sameError(ours.error, oracle.error, isPrecompile(oracle.to))) return undefined
  return { field: 'error', ours: String(ours.error), oracle: String(oracle.error) }
}

function isPrecompile(address: string | undefined): boolean {
  return address !== undefined && /^0x0{38}(0[1-9a-f]|1[01])$/.test(address)
}

function describe({ frame }: Flat): string {
  return `${frame.type}:${frame.to ?? ''}${frame.error === undefined ? '' : `!${frame.error}`}`
}

function describeOracle({ to, error }: OracleFrame): string {
  return `${to ?? 'create'}${error === undefined ? '' : `!${error}`}`
}
