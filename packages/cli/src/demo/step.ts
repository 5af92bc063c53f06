import { ZerogError } from '@zerog/primitives'

/** One row of the table: what was done, what it is called now, how long it took, what it cost. */
export type DemoStep = {
  readonly layer: 'chain' | 'storage' | 'da' | 'compute'
  readonly step: string
  readonly id: string
  readonly detail: string
  readonly ms: number
  /** wei; absent where nothing is paid */
  readonly fee?: bigint
}

/** Measures a step and shows it. */
export type Timed = (work: () => Promise<Omit<DemoStep, 'ms'>>) => Promise<void>
export type Limits = { readonly root: string; readonly signal: AbortSignal; readonly timeoutMs: number }

export function mustBe(condition: boolean, problem: string): void {
  if (!condition) throw new ZerogError('VERIFICATION_FAILED', { message: `the demo found something wrong: ${problem}` })
}
