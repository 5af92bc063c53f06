import { addPart, type Load, nextFlushMs, takeBatches } from './packer.ts'
import type { DisperserEffect, DisperserEvent, DisperserRules, DisperserState, DrivenBundle, Failure } from './state.ts'
import {
  graceOver,
  hasQuorum,
  isCertified,
  memberFailed,
  memberSigned,
  memberStored,
  openWindow,
  sumVerified,
  type Window,
  type WindowEffect,
} from './window.ts'

type Input = { readonly nowMs: number; readonly random: () => number }

/**
 * Blobs to bundles, bundles to rows at members, rows to signatures, signatures to certificates. `nowMs` is any clock that never goes
 * back, `random` gives numbers in [0, 1) for the jitter of retries. The state is changed in place; effects are to be run in order.
 */
export function step(state: DisperserState, event: DisperserEvent, input: Input, rules: DisperserRules): DisperserEffect[] {
  const effects = apply(state, event, input, rules)
  for (const window of [...state.windows.values()])
    effects.push(...translate(state, graceOver(window, input.nowMs), input, rules))
  retryDue(state, input.nowMs)
  effects.push(...flush(state, input, rules), ...startCoding(state, rules), ...openWindows(state, rules))
  return effects
}

/** When `wake` is due, on the clock of `nowMs`. */
export function nextWakeMs(state: DisperserState, rules: DisperserRules): number | undefined {
  const times = [nextFlushMs(state.packer, { load: loadOf(state) }, rules)]
  // A verification that runs ends with an event of its own.
  for (const window of state.windows.values()) if (!window.verifying) times.push(window.graceUntilMs)
  for (const bundle of state.bundles.values()) if (!bundle.running && !bundle.queued) times.push(bundle.retryAtMs)
  return times.reduce(
    (first, time) => (time === undefined ? first : first === undefined ? time : Math.min(first, time)),
    undefined,
  )
}

function apply(state: DisperserState, event: DisperserEvent, input: Input, rules: DisperserRules): DisperserEffect[] {
  switch (event.kind) {
    case 'part_accepted':
      addPart(state.packer, { ...event, nowMs: input.nowMs }, rules)
      return []
    case 'bundle_created':
      state.creating--
      state.bundles.set(event.id, driven(event, input.nowMs))
      return []
    case 'bundle_dropped':
      state.creating--
      return []
    case 'bundle_restored':
      return restored(state, event, input, rules)
    case 'bundle_renewed': {
      const old = state.bundles.get(event.id)
      if (old === undefined) return []
      const { attempts, failure, running, sinceMs } = old
      state.bundles.set(event.id, { ...driven(event, sinceMs), attempts, failure, running, queued: false })
      return []
    }
    case 'outcome':
      return outcome(state, event, input, rules)
    case 'coding_ended':
      return codingEnded(state, event, input, rules)
    case 'signature':
      return inWindow(state, event.windowId, input, rules, (window) => memberSigned(window, event.member))
    case 'refused':
      return inWindow(state, event.windowId, input, rules, (window) => memberFailed(window, event.member))
    case 'verified':
      return verified(state, event, input, rules)
    case 'drain':
      state.draining = true
      return []
    case 'wake':
      return []
  }
}

function driven(
  given: { readonly id: string; readonly epoch: bigint; readonly committee: number; readonly stakes: readonly bigint[] },
  nowMs: number,
): DrivenBundle {
  const { id, epoch, committee, stakes } = given
  return {
    id,
    epoch,
    committee,
    stakes,
    sinceMs: nowMs,
    phase: 'coding',
    running: false,
    queued: true,
    stored: stakes.map(() => false),
    answered: stakes.map(() => false),
    attempts: 0,
    refills: 0,
    retryAtMs: undefined,
    solo: false,
    failure: undefined,
  }
}

function restored(
  state: DisperserState,
  event: Extract<DisperserEvent, { kind: 'bundle_restored' }>,
  input: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  const bundle = { ...driven(event, input.nowMs), stored: [...event.stored] }
  state.bundles.set(bundle.id, bundle)
  if (!event.certified) return []
  bundle.phase = 'certified'
  bundle.queued = false
  return afterCertificate(state, bundle, input, rules)
}

function outcome(
  state: DisperserState,
  event: Extract<DisperserEvent, { kind: 'outcome' }>,
  input: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  const bundle = state.bundles.get(event.id)
  const { member } = event
  if (bundle?.stored[member] === undefined) return []
  bundle.answered[member] = true
  if (event.stored) bundle.stored[member] = true
  becomeReady(bundle)
  return inItsWindow(state, bundle, input, rules, (window) => {
    if (!event.stored) return memberFailed(window, member)
    return holdsAll(state, window, member) ? memberStored(window, member) : []
  })
}

function codingEnded(
  state: DisperserState,
  event: Extract<DisperserEvent, { kind: 'coding_ended' }>,
  input: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  const bundle = state.bundles.get(event.id)
  if (bundle === undefined) return []
  bundle.running = false
  if (event.failure !== undefined) bundle.failure = event.failure
  if (bundle.phase === 'certified') return afterCertificate(state, bundle, input, rules)
  if (bundle.phase === 'coding') return retryLater(state, bundle, input, rules)
  return inItsWindow(state, bundle, input, rules, (window) =>
    [...bundle.stored.keys()].flatMap((member) => (bundle.stored[member] === true ? [] : memberFailed(window, member))),
  )
}

function verified(
  state: DisperserState,
  event: Extract<DisperserEvent, { kind: 'verified' }>,
  input: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  const window = state.windows.get(event.windowId)
  if (window === undefined || window.closed) return []
  const effects = sumVerified(window, { ...event, nowMs: input.nowMs, graceMs: rules.graceMs })
  const certify: DisperserEffect[] = []
  if (isCertified(window) && event.proven.length > 0) {
    certify.push({ kind: 'certify', windowId: window.id, members: [...event.proven] })
    for (const id of window.bundleIds) setPhase(state, id, 'certified')
  }
  return [...certify, ...translate(state, effects, input, rules)]
}

/** What a window decides becomes effects of the disperser. */
function translate(
  state: DisperserState,
  effects: readonly WindowEffect[],
  input: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  return effects.flatMap((effect): DisperserEffect[] => {
    if (effect.kind !== 'close') return [effect]
    const window = state.windows.get(effect.windowId)
    state.windows.delete(effect.windowId)
    const bundles = (window?.bundleIds ?? []).flatMap((id) => state.bundles.get(id) ?? [])
    if (!effect.certified) {
      const alone = bundles.length === 1
      const later = bundles.flatMap((bundle) => {
        bundle.solo = true
        bundle.failure ??= tooFew(bundle)
        if (alone) return retryLater(state, bundle, input, rules)
        bundle.phase = 'ready'
        return []
      })
      return [{ kind: 'drop_window', windowId: effect.windowId }, ...later]
    }
    const settled = bundles.flatMap((bundle) => afterCertificate(state, bundle, input, rules))
    return [{ kind: 'submit', windowId: effect.windowId }, ...settled]
  })
}

function retryLater(
  state: DisperserState,
  bundle: DrivenBundle,
  { nowMs, random }: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  const failure = isOurs(bundle.failure) ? bundle.failure : tooFew(bundle)
  if (!isOurs(failure) && nowMs - bundle.sinceMs >= rules.giveUpMs) {
    state.bundles.delete(bundle.id)
    return [{ kind: 'fail', id: bundle.id, failure }]
  }
  bundle.phase = 'waiting'
  bundle.attempts++
  const ceilingMs = Math.min(rules.retryFirstMs * 2 ** Math.min(bundle.attempts - 1, 20), rules.retryMaxMs)
  bundle.retryAtMs = nowMs + ceilingMs * (0.5 + random() / 2)
  return []
}

function retryDue(state: DisperserState, nowMs: number): void {
  for (const bundle of state.bundles.values()) {
    if (bundle.retryAtMs === undefined || bundle.retryAtMs > nowMs || bundle.running || bundle.queued) continue
    bundle.retryAtMs = undefined
    bundle.failure = undefined
    bundle.queued = true
    if (bundle.phase !== 'certified') bundle.phase = 'coding'
  }
}

/** Rows that are still missing somewhere are tried again some times; then the bundle needs the disperser no more. */
function afterCertificate(
  state: DisperserState,
  bundle: DrivenBundle,
  { nowMs }: Input,
  rules: DisperserRules,
): DisperserEffect[] {
  if (bundle.running || windowOf(state, bundle) !== undefined) return []
  const complete = bundle.stored.every((stored) => stored)
  if (complete || bundle.refills >= rules.refillsMax) {
    state.bundles.delete(bundle.id)
    return [{ kind: 'settled', id: bundle.id, stored: [...bundle.stored] }]
  }
  bundle.retryAtMs = nowMs + rules.refillFirstMs * 2 ** bundle.refills
  bundle.refills++
  return []
}

function flush(state: DisperserState, { nowMs }: Input, rules: DisperserRules): DisperserEffect[] {
  const batches = takeBatches(state.packer, { nowMs, load: loadOf(state), draining: state.draining }, rules)
  state.creating += batches.length
  return batches.map((batch) => ({ kind: 'create', batch }))
}

/** Two bundles keep coding, sending and storing busy at once: what comes meanwhile shares the next one. */
const BUSY_BUNDLES = 2

function loadOf(state: DisperserState): Load {
  let count = state.creating
  for (const { phase } of state.bundles.values()) if (phase === 'coding') count++
  return count === 0 ? 'idle' : count < BUSY_BUNDLES ? 'some' : 'busy'
}

function startCoding(state: DisperserState, rules: DisperserRules): DisperserEffect[] {
  let running = 0
  for (const bundle of state.bundles.values()) if (bundle.running) running++
  const effects: DisperserEffect[] = []
  for (const bundle of state.bundles.values()) {
    if (!bundle.queued || running >= rules.codingMax) continue
    // A retry whose rows are all where they belong lacks only signatures.
    if (bundle.stored.every((stored) => stored)) {
      bundle.queued = false
      becomeReady(bundle)
      continue
    }
    running++
    bundle.queued = false
    bundle.running = true
    bundle.answered.fill(false)
    becomeReady(bundle)
    const done = [...bundle.stored.keys()].filter((member) => bundle.stored[member])
    const refill = bundle.phase === 'certified'
    effects.push({ kind: 'code', id: bundle.id, done, attempt: bundle.attempts, refill })
  }
  return effects
}

function becomeReady(bundle: DrivenBundle): void {
  if (bundle.phase === 'coding' && isStoredByQuorum(bundle)) bundle.phase = 'ready'
}

function isStoredByQuorum({ stakes, stored }: DrivenBundle): boolean {
  return hasQuorum(stakes, (member) => stored[member] === true)
}

/** One window for all bundles that are ready, as far as the members that hold all of them still have two thirds. */
function openWindows(state: DisperserState, rules: DisperserRules): DisperserEffect[] {
  const effects: DisperserEffect[] = []
  let busy = [...state.windows.values()].filter((window) => window.graceUntilMs === undefined).length
  for (const first of state.bundles.values()) {
    if (busy >= rules.windowsMax) break
    if (first.phase !== 'ready') continue
    const bundles = [first, ...companions(state, first, rules)]
    const windowId = `${first.id}/${first.attempts}/${state.windowCount++}`
    const bundleIds = bundles.map(({ id }) => id)
    const window = openWindow({ id: windowId, epoch: first.epoch, committee: first.committee, bundleIds, stakes: first.stakes })
    state.windows.set(windowId, window)
    busy++
    for (const bundle of bundles) bundle.phase = 'signing'
    effects.push({ kind: 'open', windowId, bundleIds })
    for (const member of first.stakes.keys()) {
      if (holdsAll(state, window, member)) effects.push(...asks(memberStored(window, member)))
      else if (bundles.some((bundle) => !bundle.stored[member] && (bundle.answered[member] || !bundle.running))) {
        effects.push(...asks(memberFailed(window, member)))
      }
    }
  }
  return effects
}

/** At the opening nothing can close: two thirds were asked and nobody answered. */
function asks(effects: readonly WindowEffect[]): Extract<WindowEffect, { kind: 'ask' }>[] {
  return effects.filter((effect) => effect.kind === 'ask')
}

function companions(state: DisperserState, first: DrivenBundle, rules: DisperserRules): DrivenBundle[] {
  if (first.solo) return []
  const chosen: DrivenBundle[] = []
  for (const other of state.bundles.values()) {
    if (chosen.length + 1 >= rules.windowBundlesMax) break
    if (other === first || other.phase !== 'ready' || other.solo) continue
    if (other.epoch !== first.epoch || other.committee !== first.committee) continue
    const together = [first, other, ...chosen]
    if (hasQuorum(first.stakes, (member) => together.every(({ stored }) => stored[member] === true))) chosen.push(other)
  }
  return chosen
}

function holdsAll(state: DisperserState, window: Window, member: number): boolean {
  return window.bundleIds.every((id) => state.bundles.get(id)?.stored[member] === true)
}

function inWindow(
  state: DisperserState,
  windowId: string,
  input: Input,
  rules: DisperserRules,
  act: (window: Window) => WindowEffect[],
): DisperserEffect[] {
  const window = state.windows.get(windowId)
  return window === undefined ? [] : translate(state, act(window), input, rules)
}

function inItsWindow(
  state: DisperserState,
  bundle: DrivenBundle,
  input: Input,
  rules: DisperserRules,
  act: (window: Window) => WindowEffect[],
): DisperserEffect[] {
  const window = windowOf(state, bundle)
  return window === undefined ? [] : translate(state, act(window), input, rules)
}

function windowOf(state: DisperserState, { id }: DrivenBundle): Window | undefined {
  for (const window of state.windows.values()) if (window.bundleIds.includes(id)) return window
  return undefined
}

function setPhase(state: DisperserState, id: string, phase: DrivenBundle['phase']): void {
  const bundle = state.bundles.get(id)
  if (bundle !== undefined) bundle.phase = phase
}

const OUR_TROUBLE = [
  'DEPENDENCY_UNAVAILABLE',
  'SHUTTING_DOWN',
  'QUEUE_FULL',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'RECORD_CORRUPT',
  'INTERNAL',
]

/** Not the members' fault, so no reason to give a blob up. */
function isOurs(failure: Failure | undefined): failure is Failure {
  return failure !== undefined && OUR_TROUBLE.includes(failure.reason)
}

function tooFew(bundle: DrivenBundle): Failure {
  const total = bundle.stakes.reduce((sum, stake) => sum + stake, 0n)
  const stored = bundle.stakes.reduce((sum, stake, member) => (bundle.stored[member] === true ? sum + stake : sum), 0n)
  return {
    reason: 'INSUFFICIENT_SIGNATURES',
    message: `members with two thirds of the stake of ${total} must store and sign; ${stored} stored their rows`,
  }
}
