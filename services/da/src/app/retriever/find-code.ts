import { assignRows, type Committee, type Member, type Statement } from '@zerog/availability'
import { createVerifier, ROW_BYTES_MAX } from '@zerog/erasure'
import { assert, toHex, ZerogError } from '@zerog/primitives'
import type { CodeContext } from '../../core/row-check.ts'
import { RLC_BYTES } from '../../limits.ts'
import { type GatherDeps, gatherRows } from './gather.ts'
import type { SourceConnector } from './sources.ts'

/** What is known of a commitment before any of its rows is read: enough to check every one of them. */
export type KnownCode = {
  readonly code: CodeContext
  /** As the member says; commitment, k, n and row size are proven, the size of the payload stands in row 0, the rest in the certificate. */
  readonly bundle: Statement
}

type Answer = 'expired' | 'unknown' | 'silent' | 'lied'

/**
 * Asks one member after the other for the RLC vector, the next one whenever one is slow, and believes the first whose vector leads to the
 * commitment and whose own row then verifies: a vector fixes k, a verified row the number of rows and their size.
 * @throws ZerogError NOT_FOUND, BUNDLE_EXPIRED, ROWS_INSUFFICIENT
 */
export async function findCode(
  {
    commitment,
    committee,
    order,
    signal,
  }: {
    readonly commitment: Uint8Array
    readonly committee: Committee
    readonly order: readonly number[]
    readonly signal: AbortSignal
  },
  deps: GatherDeps,
): Promise<KnownCode> {
  const answers = new Map<number, Answer>()
  const stop = new AbortController()
  const inner = AbortSignal.any([signal, stop.signal])
  const found = Promise.withResolvers<KnownCode | undefined>()
  let next = 0
  let open = 0
  let settled = false
  let cancel = () => {}

  const ask = async (index: number): Promise<void> => {
    const member = committee.members[index]
    assert(member !== undefined, 'a member of the committee')
    const startedMs = deps.clock.monotonicMs()
    try {
      const claim = await askForCode(deps.connect, { member, commitment, signal: inner })
      deps.latency.observe(deps.clock.monotonicMs() - startedMs)
      const code = codeOf(commitment, claim)
      await provePossession({ code, committee, member: index, signal: inner }, deps)
      settled = true
      found.resolve({ code, bundle: claim.bundle })
    } catch (error) {
      if (inner.aborted) return
      const answer = answerOf(error)
      answers.set(index, answer)
      if (answer === 'lied') deps.standing.lied(member.address)
      if (answer === 'silent') deps.standing.failed(member.address)
    }
  }
  const start = (): void => {
    cancel()
    if (settled) return
    const index = order[next++]
    if (index === undefined) {
      if (open === 0) found.resolve(undefined)
      return
    }
    open++
    ask(index).then(() => {
      open--
      start()
    }, found.reject)
    cancel = deps.clock.after(deps.latency.hedgeMs(), start)
  }
  const onAbort = () => found.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    start()
    const known = await found.promise
    if (known !== undefined) return known
  } finally {
    signal.removeEventListener('abort', onAbort)
    cancel()
    stop.abort(new ZerogError('CANCELLED', { message: 'the vector is there' }))
  }
  throw notFound(commitment, committee, answers)
}

/** What a member answers as an error proves nothing but that it does not help: only two reasons of it are passed on. */
async function askForCode(
  connect: SourceConnector,
  { member, commitment, signal }: { readonly member: Member; readonly commitment: Uint8Array; readonly signal: AbortSignal },
) {
  try {
    return await connect(member).code(commitment, signal)
  } catch (error) {
    if (error instanceof ZerogError && (error.reason === 'NOT_FOUND' || error.reason === 'BUNDLE_EXPIRED')) throw error
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `member ${member.address} does not answer`, cause: error })
  }
}

/** Form, and that vector and row root lead to the commitment. @throws ZerogError PROOF_INVALID, INVALID_ARGUMENT */
function codeOf(
  commitment: Uint8Array,
  claim: { readonly bundle: Statement; readonly rlc: Uint8Array; readonly rowRoot: Uint8Array },
): CodeContext {
  const k = claim.rlc.length / RLC_BYTES
  const { rowBytes } = claim.bundle
  if (rowBytes > ROW_BYTES_MAX || claim.bundle.k !== k || claim.bundle.n !== 3 * k) throw lie('its layout is not the network’s')
  const code = { commitment, k, n: 3 * k, rowBytes, rlc: new Uint8Array(claim.rlc), rowRoot: new Uint8Array(claim.rowRoot) }
  createVerifier({ shape: { k, n: code.n }, commitment, rlc: code.rlc, rowRoot: code.rowRoot, rowBytes })
  return code
}

/** One row of the member's own, checked with what it said. */
async function provePossession(
  {
    code,
    committee,
    member,
    signal,
  }: {
    readonly code: CodeContext
    readonly committee: Committee
    readonly member: number
    readonly signal: AbortSignal
  },
  deps: GatherDeps,
): Promise<void> {
  const assignment = assignRows(committee, code)
  const [row] = assignment.rows(member)
  assert(row !== undefined, 'each member has a row')
  let kept = false
  const keep = () => {
    kept = true
  }
  const keepers = { ...assignment, owner: () => member }
  const gathered = await gatherRows(
    { code, committee, assignment: keepers, order: [member], wanted: [row], mayRestore: false, keep, signal },
    deps,
  )
  if (gathered.lied.length > 0) throw lie('its row does not verify with its vector')
  if (!kept) throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'it has no row of its own' })
}

function answerOf(error: unknown): Answer {
  if (!(error instanceof ZerogError)) throw error
  if (error.reason === 'ENCODING_INVALID') throw error
  if (error.reason === 'BUNDLE_EXPIRED') return 'expired'
  if (error.reason === 'NOT_FOUND') return 'unknown'
  return error.reason === 'PROOF_INVALID' || error.reason === 'INVALID_ARGUMENT' ? 'lied' : 'silent'
}

/**
 * A certified bundle is with members of two thirds of the stake, so a third that does not know it proves nothing; more than two thirds do.
 */
function notFound(commitment: Uint8Array, committee: Committee, answers: ReadonlyMap<number, Answer>): ZerogError {
  const stakeOf = (kind: Answer) =>
    [...answers].reduce((sum, [index, answer]) => sum + (answer === kind ? (committee.members[index]?.stake ?? 0n) : 0n), 0n)
  const metadata = { commitment: toHex(commitment), epoch: String(committee.epoch) }
  if (3n * stakeOf('expired') >= committee.totalStake) {
    return new ZerogError('BUNDLE_EXPIRED', {
      message: 'the members kept this bundle until it expired, and have deleted it; disperse it again with a longer retention',
      metadata,
    })
  }
  if (3n * stakeOf('unknown') > 2n * committee.totalStake) {
    return new ZerogError('NOT_FOUND', {
      message: `no member of committee ${committee.id} of epoch ${committee.epoch} knows this commitment; check that it was certified, and its epoch`,
      metadata,
    })
  }
  const count = (kind: Answer) => [...answers.values()].filter((answer) => answer === kind).length
  return new ZerogError('ROWS_INSUFFICIENT', {
    message: `too few members answer: ${count('silent')} of ${committee.members.length} are silent, ${count('lied')} lied; try again when they are back`,
    metadata: { ...metadata, have: '0', silent: String(count('silent')), lied: String(count('lied')) },
  })
}

function lie(message: string): ZerogError {
  return new ZerogError('PROOF_INVALID', { message, metadata: { check: 'form' } })
}
