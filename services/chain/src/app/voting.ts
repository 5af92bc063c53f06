import {
  type Block,
  type Certificate,
  createCommittee,
  decodeCertificate,
  type Effect,
  type Event,
  encodeCertificate,
  leaderMessage,
  type Multisignature,
  restore,
  step,
  type VoterState,
} from '@zerog/consensus'
import { assert, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { type ChainBlock, heightKey, TABLES } from './block-store.ts'
import { certificateProblem } from './finality.ts'
import { type Crypto, epochOf, leaderSlot, type Network } from './network.ts'

export type Voting = ReturnType<typeof createVoting>

export type VotingDeps = {
  readonly crypto: Crypto
  /** The last durable block: what was voted on above it never left this process. */
  readonly head: () => ChainBlock
}

/** Nobody is waited for: a committee of one arms no timer (ARCHITECTURE 3a), so none of these passes. */
const NO_TIMEOUTS = { leaderMs: 0, advanceMs: 0, certifyMs: 0, retryMs: 0 }

/**
 * The Simplex voter of a network with one validator. It proposes, notarizes, certifies and finalizes a block in one step, because its
 * own votes are a quorum and because building a block executes it. The block, its certificate and the votes' log then share one
 * write (ADR 0125): nothing that was signed leaves this process before that is durable, so the log's records would be truncated in the
 * write that holds them, and the head with its certificate is all that a restart needs.
 */
export function createVoting(
  options: { readonly network: Network; readonly secretKey: Uint8Array },
  { crypto, head }: VotingDeps,
) {
  const { network, secretKey } = options
  const own = trustingOwn(secretKey, crypto)
  let voter = openAtHead()
  let signed: { readonly height: bigint; readonly signature: Uint8Array } | undefined

  function openAtHead(): Voter {
    const { header, hash, payload } = head()
    const tip = { header, hash, certificate: payload.certificate }
    const problem = header.height === 0n ? undefined : certificateProblem(network, tip, crypto)
    if (problem === undefined) return open(tip)
    const key = toHex(heightKey(header.height))
    throw new ZerogError('RECORD_CORRUPT', {
      message: `the certificate of the head is no proof (${problem}): restore the data folder, or delete it to follow another node`,
      metadata: { store: 'chain', table: TABLES.block, key },
    })
  }

  /** The voter of the epoch that a block on `tip` belongs to, as far as the tip. */
  function open(tip: Tip): Voter {
    const height = tip.header.height + 1n
    const epoch = epochOf(network, height)
    const first = epoch * network.epochLength
    const { validators, chainId } = network
    const context = { chainId, epoch }
    const block = blockOf(tip)
    const state = restore(
      {
        committee: createCommittee({ context, validators, multisignature: own.multisignature }),
        self: 0,
        sign: own.sign,
        leader: () => 0,
        anchor: block,
        heightLast: Number(first + network.epochLength),
        timeouts: NO_TIMEOUTS,
        silentViewsMax: 1,
      },
      tip.header.height === first ? { blocks: [], log: [] } : { finalized: finalizedBy(tip), blocks: [], log: [] },
    )
    return start({ state, context, tip: block })
  }

  return {
    /** The leader's signature of a height's slot, from which r follows; made once for the next block. */
    leaderSignature: (height: bigint): Uint8Array => {
      if (signed?.height !== height)
        signed = { height, signature: crypto.bls.sign(secretKey, leaderMessage(leaderSlot(network, height).slot)) }
      return signed.signature
    },
    /** Votes on a block that was just built on the head; the encoded certificate that makes it final. It must be durable before it is shown. */
    decide: (built: Pick<ChainBlock, 'header' | 'hash'>): Uint8Array => {
      const block = blockOf(built)
      const { view } = leaderSlot(network, built.header.height).slot
      assert(voter.tip.hash === block.parentHash && BigInt(voter.state.view) === view, 'the voter stands where the chain does')
      const certificate = encodeCertificate(voter.context, decide(voter, block), network.validators.length)
      voter = voter.state.finished ? open({ ...built, certificate }) : { ...voter, tip: block }
      return certificate
    },
    /** Development only: the head is another one now, because blocks were taken back. */
    reopen: (): void => {
      voter = openAtHead()
    },
  }
}

type Tip = Pick<ChainBlock, 'header' | 'hash'> & { readonly certificate: Uint8Array }

type Voter = {
  readonly state: VoterState
  readonly context: { readonly chainId: bigint; readonly epoch: bigint }
  /** What the next block is built on. */
  readonly tip: Block
}

function start(voter: Voter): Voter {
  const asked = step(voter.state, { type: 'started' }, NOW)
  assert(asked.some(isBuildOn(voter.tip)), 'a committee of one proposes at once')
  return voter
}

/** Nothing depends on the time where there are no timers. */
const NOW = { nowMs: 0 }
const isBuildOn = (parent: Block) => (effect: Effect) => effect.type === 'build' && effect.parent.hash === parent.hash

/** Everything from the proposal to its finalization. */
function decide({ state }: Voter, block: Block): Certificate {
  const events: Event[] = [{ type: 'block_built', view: state.view, block }]
  /** Views whose votes were recorded and are not settled. */
  const logged = new Set<number>()
  let certificate: Certificate | undefined
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    for (const effect of step(state, event, NOW)) {
      switch (effect.type) {
        case 'persist':
          logged.add(effect.record.type === 'vote' ? effect.record.ballot.view : effect.record.certificate.ballot.view)
          break
        case 'truncate_log':
          for (const view of logged) if (view <= effect.view) logged.delete(view)
          break
        case 'certify':
          // Building executed it.
          assert(effect.block.hash === block.hash, 'only the block at hand is certified')
          events.push({ type: 'block_certified', view: effect.view, hash: block.hash, valid: true })
          break
        case 'finalized':
          assert(effect.blocks.length === 1 && effect.blocks[0]?.hash === block.hash, 'one block at a time becomes final')
          certificate = effect.certificate
          break
        // The block goes into the same write, nobody listens, and the next one is built when there is something to put into it.
        case 'store':
        case 'broadcast':
        case 'build':
        case 'epoch_finished':
          break
        default:
          assert(false, `a committee of one has no use for ${effect.type}`)
      }
    }
  }
  assert(certificate !== undefined && logged.size === 0, 'a committee of one finalizes its block at once')
  return certificate
}

function blockOf({ header, hash }: Pick<ChainBlock, 'header' | 'hash'>): Block {
  return { hash, parentHash: header.parentHash, height: Number(header.height) }
}

function finalizedBy(tip: Tip) {
  const { certificate } = decodeCertificate(tip.certificate)
  return { view: certificate.ballot.view, block: blockOf(tip), certificate }
}

/**
 * Signs, and takes for valid what it signed itself: to verify each own vote again would cost 1.4 ms twice per block. Every reader of the
 * certificate verifies it.
 */
function trustingOwn(secretKey: Uint8Array, { bls, multisignature }: Crypto) {
  const publicKey = bls.publicKey(secretKey)
  const messages = new WeakMap<Uint8Array, Uint8Array>()
  const trusting: Multisignature = {
    verify: (keys, message, signature) => {
      const [key] = keys
      const signed = messages.get(signature)
      const isOwn =
        key !== undefined &&
        keys.length === 1 &&
        signed !== undefined &&
        equalBytes(key, publicKey) &&
        equalBytes(signed, message)
      return isOwn || multisignature.verify(keys, message, signature)
    },
    aggregate: (signatures) => {
      const [single] = signatures
      return single !== undefined && signatures.length === 1 && messages.has(single)
        ? single
        : multisignature.aggregate(signatures)
    },
  }
  return {
    multisignature: trusting,
    sign: (message: Uint8Array): Uint8Array => {
      const signature = bls.sign(secretKey, message)
      messages.set(signature, message)
      return signature
    },
  }
}
