import {
  type Committee,
  createWindow,
  encodeCertificate,
  SIGNATURE_BYTES,
  type Statement,
  certify as sumUp,
  type Window,
} from '@zerog/availability'
import { assert, ZerogError } from '@zerog/primitives'
import { traced } from '../traced.ts'
import type { LiveBundle } from './bundles.ts'
import type { DriverDeps, DriverRules, Run } from './driver.ts'
import { persist } from './persist.ts'

type LiveWindow = {
  readonly id: string
  readonly bundleIds: readonly string[]
  readonly bundles: readonly LiveBundle[]
  readonly statements: readonly Statement[]
  readonly committee: Committee
  readonly window: Window
  readonly signatures: Map<number, Uint8Array>
  /** Encoded, of the last sum that was right. */
  certificate: Uint8Array | undefined
  certifiedAtMs: number | undefined
  /** Writes of one window follow each other. */
  writing: Promise<unknown>
}

/** Effects around one window: asking members, verifying sums, keeping the certificate. */
export function createSigning(rules: DriverRules, run: Run, deps: DriverDeps) {
  const { repository, clock, logger, metrics } = deps
  const { fence, signal, live, dispatch } = run
  const windows = new Map<string, LiveWindow>()
  const keep = <T>(what: string, write: () => Promise<T>) => persist(what, write, { clock, logger, signal })

  async function open(id: string, bundleIds: readonly string[]): Promise<void> {
    const bundles = bundleIds.map((bundleId) => live.get(bundleId))
    const statements = bundles.map((bundle) => bundle?.statement)
    const [first] = bundles
    assert(first !== undefined && isEach(bundles) && isEach(statements), 'a window is opened over coded bundles')
    metrics.windowBundles.observe(bundles.length)
    windows.set(id, {
      id,
      bundleIds,
      bundles,
      statements,
      committee: first.committee,
      window: createWindow(statements, first.committee, rules.chainId),
      signatures: new Map(),
      certificate: undefined,
      certifiedAtMs: undefined,
      writing: Promise.resolve(),
    })
  }

  async function ask(windowId: string, member: number): Promise<void> {
    const window = windows.get(windowId)
    const who = window?.committee.members[member]
    if (window === undefined || who === undefined) return
    try {
      const signature = await deps.connect(who).signWindow(window.statements, signal)
      if (signature.length !== SIGNATURE_BYTES)
        throw new ZerogError('PROOF_INVALID', { message: `a signature of ${signature.length} bytes` })
      window.signatures.set(member, signature)
      metrics.memberOutcomes.add(1, { outcome: 'signed' })
      dispatch({ kind: 'signature', windowId, member })
    } catch (error) {
      if (signal.aborted) return
      const outcome = error instanceof ZerogError ? error.reason : 'INTERNAL'
      metrics.memberOutcomes.add(1, { outcome })
      logger.debug('member_did_not_sign', { member: who.address, socket: who.socket, error: String(error) })
      dispatch({ kind: 'refused', windowId, member })
    }
  }

  /** One check for all; where it fails, the bad ones are found by halves and the rest is summed up again. */
  async function verify(windowId: string, members: readonly number[]): Promise<void> {
    await traced(deps.traces, 'verify sum', async () => verifySum(windowId, members))
  }

  function verifySum(windowId: string, members: readonly number[]): void {
    const live = windows.get(windowId)
    if (live === undefined) return
    const { committee, window } = live
    const signatures = new Map(members.map((member) => [member, live.signatures.get(member) as Uint8Array])) // each has signed
    const liars: number[] = []
    while (signatures.size > 0) {
      const sum = sumUp(window, signatures, { committee, multisignature: deps.multisignature })
      if ('certificate' in sum) {
        live.certificate = encodeCertificate(sum.certificate)
        break
      }
      metrics.bisections.add()
      metrics.liars.add(sum.invalid.length)
      for (const member of sum.invalid) {
        signatures.delete(member)
        liars.push(member)
        const { address, socket } = committee.members[member] ?? {}
        logger.warn('signature_invalid', { member: address, socket, windowId })
      }
    }
    dispatch({ kind: 'verified', windowId, proven: [...signatures.keys()], liars })
  }

  async function certify(windowId: string): Promise<void> {
    const window = windows.get(windowId)
    const certificate = window?.certificate
    if (window === undefined || certificate === undefined) return
    const first = window.certifiedAtMs === undefined
    window.certifiedAtMs ??= clock.nowMs()
    const certifiedAtMs = window.certifiedAtMs
    const { id, bundleIds } = window
    const { epoch, committee, windowRoot: root } = window.window
    window.writing = window.writing.then(async () => {
      await Promise.all(window.bundles.map(({ codeSaved }) => codeSaved))
      await traced(deps.traces, 'save certificate', () =>
        keep('certificate', () =>
          repository.saveWindow(fence, { id, epoch, committee, root, certificate, bundleIds, certifiedAtMs }),
        ),
      )
      if (!first) return
      metrics.windows.add(1, { outcome: 'certified' })
      for (const bundle of window.bundles) {
        bundle.certified = true
        metrics.timeToCertificate.observe((clock.monotonicMs() - bundle.createdMs) / 1000)
      }
      deps.changes.announce({ owner: rules.instance, bundleIds })
    })
    await window.writing
  }

  async function submit(windowId: string): Promise<void> {
    const window = windows.get(windowId)
    windows.delete(windowId)
    await window?.writing
    await traced(deps.traces, 'close window', () => keep('closed window', () => repository.closeWindow(fence, windowId)))
    deps.onSubmittable()
    // Whoever holds the account may be another process.
    if (window !== undefined) deps.changes.announce({ owner: rules.instance, bundleIds: window.bundleIds })
  }

  async function drop(windowId: string): Promise<void> {
    windows.delete(windowId)
    metrics.windows.add(1, { outcome: 'short' })
  }

  return { open, ask, verify, certify, submit, drop }
}

function isEach<T>(items: readonly (T | undefined)[]): items is readonly T[] {
  return items.every((item) => item !== undefined)
}
