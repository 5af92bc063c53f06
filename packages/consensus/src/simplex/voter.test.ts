import { describe, expect, test } from '@jest/globals'
import { assert, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { simulatedKey, simulatedMultisignature, simulatedSign } from '../testing.ts'
import { createCommittee } from './committee.ts'
import { voteMessage } from './encoding.ts'
import { ANSWERS_PER_RETRY_MAX, RESPONSE_BLOCKS_MAX, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from './limits.ts'
import { leaderSchedule } from './schedule.ts'
import { createVoterState, type VoterConfig } from './state.ts'
import { type Ballot, type Block, type Certificate, type Effect, type Event, type Message, NO_BLOCK, type Vote } from './types.ts'
import { restore, step } from './voter.ts'

const ANCHOR: Block = { hash: `0x${'11'.repeat(32)}`, parentHash: NO_BLOCK, height: 0 }
const TIMEOUTS = { leaderMs: 100, advanceMs: 150, certifyMs: 400, retryMs: 200 }
const context = { chainId: 31_337n, epoch: 3n }

const hashOf = (name: string): Hex => toHex(new TextEncoder().encode(name.padEnd(32, '.').slice(0, 32)))
const child = (name: string, parent: Block): Block => ({
  hash: hashOf(name),
  parentHash: parent.hash,
  height: parent.height + 1,
})
const nullify = (view: number): Ballot => ({ kind: 'nullify', view, parentView: 0, blockHash: NO_BLOCK })
const ballot = (kind: 'notarize' | 'finalize', view: number, parentView: number, block: Block): Ballot => ({
  kind,
  view,
  parentView,
  blockHash: block.hash,
})

function vote(signer: number, what: Ballot): Vote {
  return { ballot: what, signer, signature: simulatedSign(simulatedKey(0, signer), voteMessage(context, what)) }
}

function certificate(what: Ballot, signers: readonly number[] = [0, 1, 3]): Certificate {
  const signature = simulatedMultisignature.aggregate(signers.map((signer) => vote(signer, what).signature))
  assert(signature, 'simulated signatures always aggregate')
  return { ballot: what, signers, signature }
}

/** Validator 2 of four; the leader of view v is v mod 4. Effects collect in `effects` until they are taken. */
function voter(options: Partial<VoterConfig> & { readonly count?: number } = {}) {
  const { count = 4, ...own } = options
  const config: VoterConfig = {
    committee: createCommittee({
      context,
      validators: Array.from({ length: count }, (_, index) => ({ publicKey: simulatedKey(0, index), stake: 1n })),
      multisignature: simulatedMultisignature,
    }),
    self: 2,
    sign: (message) => simulatedSign(simulatedKey(0, 2), message),
    leader: (view) => view % count,
    anchor: ANCHOR,
    heightLast: 1_000,
    timeouts: TIMEOUTS,
    silentViewsMax: 8,
    ...own,
  }
  const state = createVoterState(config)
  let nowMs = 0
  const log: Effect[] = []
  const feed = (event: Event): readonly Effect[] => {
    const effects = step(state, event, { nowMs })
    log.push(...effects)
    return effects
  }
  const api = {
    state,
    config,
    log,
    feed,
    at: (ms: number) => {
      nowMs = ms
      return feed({ type: 'time_passed' })
    },
    hear: (from: number, message: Message) => feed({ type: 'message_received', from, message }),
    hearVotes: (signers: readonly number[], what: Ballot) =>
      signers.flatMap((signer) => api.hear(signer, { type: 'vote', vote: vote(signer, what) })),
    hearCertificate: (what: Ballot, from = 0) => api.hear(from, { type: 'certificate', certificate: certificate(what) }),
    propose: (view: number, parentView: number, block: Block) => {
      const from = config.leader(view)
      return api.hear(from, { type: 'proposal', block, vote: vote(from, ballot('notarize', view, parentView, block)) })
    },
    checked: (view: number, block: Block, valid = true) => feed({ type: 'block_checked', view, hash: block.hash, valid }),
    certified: (view: number, block: Block, valid = true) => feed({ type: 'block_certified', view, hash: block.hash, valid }),
    /** Every ballot that this validator has sent so far. */
    said: () => log.flatMap((effect) => (effect.type === 'broadcast' ? ballotsIn(effect.message) : [])),
    /** From proposal to certification. */
    pass: (view: number, parentView: number, block: Block) => {
      api.propose(view, parentView, block)
      api.checked(view, block)
      api.hearCertificate(ballot('notarize', view, parentView, block))
      api.certified(view, block)
    },
  }
  feed({ type: 'started' })
  return api
}

const ballotsIn = (message: Message): Ballot[] =>
  message.type === 'vote' || message.type === 'proposal' ? [message.vote.ballot] : []
const of = <T extends Effect['type']>(effects: readonly Effect[], type: T) =>
  effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type)
const sent = <T extends Message['type']>(effects: readonly Effect[], type: T) =>
  effects.flatMap((effect) =>
    (effect.type === 'send' || effect.type === 'broadcast') && effect.message.type === type
      ? [effect.message as Extract<Message, { type: T }>]
      : [],
  )

const A = child('a', ANCHOR)
const B = child('b', A)

describe('notarize', () => {
  test('is said once per view, for the first block of the leader, after its check', () => {
    const it = voter()
    expect(of(it.propose(1, 0, A), 'check')).toHaveLength(1)
    expect(it.said()).toEqual([])
    it.checked(1, A)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A)])
    it.checked(1, A)
    it.propose(1, 0, A)
    expect(it.said()).toHaveLength(1)
  })

  test('is refused to a block that fails its check: the view is given up and the proposal reported', () => {
    const it = voter()
    it.propose(1, 0, A)
    const effects = it.checked(1, A, false)
    expect(it.said()).toEqual([nullify(1)])
    expect(of(effects, 'report').map(({ evidence }) => evidence.type)).toEqual(['invalid_proposal'])
  })

  test.each([
    ['another parent', { ...A, parentHash: hashOf('elsewhere') }],
    ['a height that does not follow', { ...A, height: 2 }],
  ])('is refused to a block with %s', (_, block) => {
    const it = voter()
    it.propose(1, 0, block)
    expect(it.said()).toEqual([nullify(1)])
  })

  test('waits for the certification of the parent, and asks for its notarization', () => {
    const it = voter()
    it.hearCertificate(nullify(1))
    const effects = it.propose(2 + 1, 1, B)
    expect(of(effects, 'check')).toEqual([])
    it.hearCertificate(nullify(2))
    expect(of(it.log, 'check')).toEqual([])
    expect(sent(it.log, 'request').some(({ views }) => views.includes(1))).toBe(true)
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.hear(0, { type: 'blocks', blocks: [A] })
    expect(of(it.log, 'check')).toEqual([])
    expect(of(it.certified(1, A), 'check')).toHaveLength(1)
  })

  test('waits for the nullification of every view between parent and block', () => {
    const it = voter()
    it.hearCertificate(nullify(2))
    const effects = it.propose(3, 0, A)
    expect(of(effects, 'check')).toEqual([])
    expect(sent(it.log, 'request').some(({ views }) => views.includes(1))).toBe(true)
    expect(of(it.hearCertificate(nullify(1)), 'check')).toHaveLength(1)
  })

  test('is not said for a block of somebody who does not lead, nor after giving the view up', () => {
    const it = voter()
    it.hear(3, { type: 'proposal', block: A, vote: vote(3, ballot('notarize', 1, 0, A)) })
    expect(it.state.blocks.has(A.hash)).toBe(false)
    it.at(100)
    it.propose(1, 0, A)
    it.checked(1, A)
    expect(it.said()).toEqual([nullify(1)])
  })
})

describe('finalize', () => {
  test('is said after the notarized block was executed, not before', () => {
    const it = voter()
    it.propose(1, 0, A)
    it.checked(1, A)
    const effects = it.hearVotes([0, 1], ballot('notarize', 1, 0, A))
    expect(of(effects, 'certify')).toHaveLength(1)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A)])
    expect(it.state.view).toBe(1)
    it.certified(1, A)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A), ballot('finalize', 1, 0, A)])
    expect(it.state.view).toBe(2)
  })

  test('is never said where execution failed: the view is given up and nothing is built on it', () => {
    const it = voter()
    it.propose(1, 0, A)
    it.checked(1, A)
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.certified(1, A, false)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A), nullify(1)])
    expect(it.state.view).toBe(1)
    const effects = it.hearCertificate(nullify(1))
    expect(of(effects, 'build')).toEqual([{ type: 'build', view: 2, parentView: 0, parent: ANCHOR }])
  })

  test('is never said after nullify, but the view is left all the same', () => {
    const it = voter()
    it.propose(1, 0, A)
    it.checked(1, A)
    it.at(150)
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.certified(1, A)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A), nullify(1)])
    expect(it.state.view).toBe(2)
  })

  test('excludes nullify of the same view, however long it takes', () => {
    const it = voter()
    it.pass(1, 0, A)
    for (let ms = 1_000; ms < 20_000; ms += 1_000) it.at(ms)
    expect(it.said()).not.toContainEqual(nullify(1))
  })

  test('is not said where the leader signed two blocks', () => {
    const it = voter()
    it.propose(1, 0, A)
    it.checked(1, A)
    it.propose(1, 0, child('twin', ANCHOR))
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.certified(1, A)
    expect(it.said()).toEqual([ballot('notarize', 1, 0, A)])
    expect(it.state.view).toBe(2)
  })

  test('a finalized block comes with its ancestors, lowest first, once', () => {
    const it = voter()
    it.pass(1, 0, A)
    it.hearCertificate(nullify(2))
    it.pass(3, 1, B)
    const effects = it.hearCertificate(ballot('finalize', 3, 1, B))
    expect(of(effects, 'finalized').map(({ blocks }) => blocks)).toEqual([[A, B]])
    expect(of(effects, 'truncate_log')).toEqual([{ type: 'truncate_log', view: 3 }])
    expect(of(it.hearCertificate(ballot('finalize', 3, 1, B)), 'finalized')).toEqual([])
  })

  test('a finalization whose block is missing asks for it and its ancestors before anything is final', () => {
    const it = voter()
    expect(sent(it.hearCertificate(ballot('finalize', 3, 1, B)), 'request')).toMatchObject([{ blocks: [B.hash] }])
    expect(sent(it.hear(1, { type: 'blocks', blocks: [B] }), 'request')).toMatchObject([{ blocks: [A.hash] }])
    expect(of(it.hear(1, { type: 'blocks', blocks: [A] }), 'finalized').map(({ blocks }) => blocks)).toEqual([[A, B]])
  })
})

describe('nullify', () => {
  test.each([
    { what: 'no proposal comes', deadlineMs: 100, events: 0 },
    { what: 'a proposal is not notarized', deadlineMs: 150, events: 2 },
    { what: 'a notarized block is not executed', deadlineMs: 400, events: 3 },
  ])('is said when $what in time, not earlier', ({ deadlineMs, events }) => {
    const it = voter()
    const story = [() => it.propose(1, 0, A), () => it.checked(1, A), () => it.hearCertificate(ballot('notarize', 1, 0, A))]
    for (const event of story.slice(0, events)) event()
    it.at(deadlineMs - 1)
    expect(it.said()).not.toContainEqual(nullify(1))
    it.at(deadlineMs)
    expect(it.said()).toContainEqual(nullify(1))
  })

  test('is repeated with the certificate that led into the view', () => {
    const it = voter()
    it.hearCertificate(nullify(1))
    it.hearCertificate(nullify(2))
    it.at(1_000)
    const again = it.at(1_200)
    expect(sent(again, 'vote').map((message) => message.vote.ballot)).toEqual([nullify(3)])
    expect(sent(again, 'certificate').map((message) => message.certificate.ballot)).toEqual([nullify(2)])
  })

  test('of a quorum ends the view', () => {
    const it = voter()
    it.at(100)
    it.hearVotes([0], nullify(1))
    expect(it.state.view).toBe(1)
    it.hearVotes([3], nullify(1))
    expect(it.state.view).toBe(2)
  })

  test('is said at once to a leader that was silent for long while a quorum was heard of', () => {
    const it = voter({ silentViewsMax: 4 })
    for (let view = 1; view <= 8; view++) it.hear(0, { type: 'certificate', certificate: certificate(nullify(view), [0, 2, 3]) })
    expect(it.config.leader(it.state.view)).toBe(1)
    it.at(1)
    expect(it.said()).toContainEqual(nullify(9))
  })
})

describe('propose', () => {
  test('builds on the highest certified block below which nothing is open', () => {
    const it = voter()
    it.pass(1, 0, A)
    expect(of(it.log, 'build')).toEqual([{ type: 'build', view: 2, parentView: 1, parent: A }])
    const effects = it.feed({ type: 'block_built', view: 2, block: B })
    expect(effects.map(({ type }) => type).slice(0, 3)).toEqual(['store', 'persist', 'broadcast'])
    expect(it.said().at(-1)).toEqual(ballot('notarize', 2, 1, B))
  })

  test('asks again when what was built does not follow any more, and drops what comes late', () => {
    const it = voter()
    it.pass(1, 0, A)
    expect(of(it.feed({ type: 'block_built', view: 2, block: A }), 'build')).toHaveLength(1)
    it.hearCertificate(nullify(2))
    it.feed({ type: 'block_built', view: 2, block: B })
    expect(it.said()).not.toContainEqual(ballot('notarize', 2, 1, B))
  })
})

test('every vote is recorded before it is sent, and its block before the vote', () => {
  const it = voter()
  it.pass(1, 0, A)
  it.feed({ type: 'block_built', view: 2, block: B })
  it.at(1_000)
  const kinds = new Set<string>()
  it.log.forEach((effect, position) => {
    if (effect.type !== 'broadcast') return
    for (const what of ballotsIn(effect.message)) {
      kinds.add(what.kind)
      const before = it.log.slice(0, position)
      const recorded = of(before, 'persist').some(({ record }) => record.type === 'vote' && record.ballot === what)
      expect(recorded).toBe(true)
      if (what.kind === 'notarize') expect(of(before, 'store').some(({ block }) => block.hash === what.blockHash)).toBe(true)
    }
  })
  expect([...kinds].sort()).toEqual(['finalize', 'notarize', 'nullify'])
})

describe('against liars', () => {
  test('a vote counts only from its signer', () => {
    const it = voter()
    for (const from of [0, 1, 3]) it.hear(0, { type: 'vote', vote: { ...vote(from, nullify(1)), signer: from } })
    expect(it.state.views.get(1)?.votes.nullify.size).toBe(1)
  })

  test('votes far ahead are not held', () => {
    const it = voter()
    it.hearVotes([0], nullify(1 + VIEWS_AHEAD_MAX))
    it.hearVotes([0], nullify(2 + VIEWS_AHEAD_MAX))
    expect([...it.state.views.keys()]).toEqual([1, 1 + VIEWS_AHEAD_MAX])
  })

  test('who sends a certificate that does not verify is not heard any more', () => {
    const it = voter()
    const forged = { ...certificate(nullify(1)), signature: new Uint8Array(96) }
    it.hear(3, { type: 'certificate', certificate: forged })
    it.hearVotes([3], nullify(1))
    expect(it.state.view).toBe(1)
    expect(it.state.views.get(1)?.votes.nullify.size ?? 0).toBe(0)
  })

  test('an invalid signature among the votes costs its signer, not the quorum', () => {
    const it = voter()
    it.hear(0, { type: 'vote', vote: { ...vote(0, nullify(1)), signature: new Uint8Array(96) } })
    it.hearVotes([1], nullify(1))
    it.at(100)
    expect(it.state.view).toBe(1)
    expect([...it.state.ignored]).toEqual([0])
    it.hearVotes([3], nullify(1))
    expect(it.state.view).toBe(2)
  })

  test('a contradiction is reported once, however often it is repeated', () => {
    const it = voter()
    for (let twin = 0; twin < 50; twin++) {
      const block = child(`twin ${twin}`, ANCHOR)
      it.hearVotes([3], ballot('notarize', 1, 0, block))
      it.hearVotes([3], ballot('finalize', 1, 0, block))
      it.hearVotes([3], nullify(1))
    }
    expect(
      of(it.log, 'report')
        .map(({ evidence }) => evidence.type)
        .sort(),
    ).toEqual(['conflicting_finalize', 'conflicting_notarize', 'nullify_and_finalize'])
  })

  test('a block that claims a great height is forgotten like any other', () => {
    const it = voter()
    for (let view = 1; view < 40; view += 4) {
      it.propose(view, 0, { hash: hashOf(`liar ${view}`), parentHash: ANCHOR.hash, height: 1_000_000 })
      for (let each = view; each < view + 4; each++) it.hearCertificate(nullify(each))
    }
    it.propose(41, 0, A)
    it.checked(41, A)
    it.hearCertificate(ballot('finalize', 41, 0, A))
    expect([...it.state.blocks.keys()]).toEqual([A.hash])
  })

  test.each([0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 4, 5])(
    'a proposal whose views are none is dropped before anything is computed from them: %p',
    (odd) => {
      // The real schedule takes whole numbers only.
      const validators = voter().config.committee.validators
      const schedule = leaderSchedule({ seed: new Uint8Array(32), epoch: 3n, validators, sha256: (bytes) => bytes.slice(0, 32) })
      const it = voter({ leader: (view) => (view === 4 ? 0 : schedule(view)) })
      const what = (view: number, parentView: number): Ballot => ({ kind: 'notarize', view, parentView, blockHash: A.hash })
      for (const ballot of [what(odd, 0), what(4, odd)]) {
        const from = 0
        it.hear(from, { type: 'proposal', block: A, vote: { ballot, signer: from, signature: new Uint8Array(96) } })
      }
      expect(it.state.views.get(4)?.proposal).toBeUndefined()
      expect([...it.state.blocks.keys()]).toEqual([ANCHOR.hash])
    },
  )

  test('no message whatever throws or leaves a mark beyond the open views', () => {
    const any = fc.oneof(
      fc.integer({ min: -2, max: 30 }),
      fc.constantFrom(0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, Number.MAX_SAFE_INTEGER),
    )
    const hash = fc.constantFrom(A.hash, B.hash, NO_BLOCK, ANCHOR.hash, '0x' as Hex, 'rubbish' as Hex)
    const ballots = fc.record({
      kind: fc.constantFrom('notarize', 'nullify', 'finalize'),
      view: any,
      parentView: any,
      blockHash: hash,
    }) as fc.Arbitrary<Ballot>
    const signature = fc.constantFrom(new Uint8Array(96), new Uint8Array(0), new Uint8Array(97))
    const votes = fc.oneof(
      fc.record({ ballot: ballots, signer: any, signature }),
      fc
        .tuple(ballots, fc.constantFrom(0, 1, 3))
        .map(([what, signer]) =>
          isSignable(what) ? vote(signer, what) : { ballot: what, signer, signature: new Uint8Array(96) },
        ),
    )
    const block = fc.record({ hash, parentHash: hash, height: any })
    const messages = fc.oneof(
      fc.record({ type: fc.constant('proposal' as const), block, vote: votes }),
      fc.record({ type: fc.constant('vote' as const), vote: votes }),
      fc.record({
        type: fc.constant('certificate' as const),
        certificate: fc.record({ ballot: ballots, signers: fc.array(any), signature }),
      }),
      fc.record({ type: fc.constant('request' as const), views: fc.array(any), blocks: fc.array(hash), heightAbove: any }),
      fc.record({ type: fc.constant('blocks' as const), blocks: fc.array(block) }),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -1, max: 5 }), messages), { maxLength: 30 }), (history) => {
        const it = voter({ observerCount: 1 })
        for (const [from, message] of history) it.hear(from, message)
        for (const view of it.state.views.keys())
          expect(Number.isSafeInteger(view) && view >= 1 && view <= it.state.view + VIEWS_AHEAD_MAX).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

const isSignable = ({ view, parentView, blockHash }: Ballot) =>
  [view, parentView].every((each) => Number.isSafeInteger(each) && each >= 0) && blockHash.length === 66

describe('catching up', () => {
  test('the notarization of a view that was nullified here is asked for when a later block rests on it', () => {
    // Found by reading: the others certified view 1 and built view 3 on it; here view 1 was nullified and the proposal of 3 was lost.
    const it = voter()
    it.hearCertificate(nullify(1))
    it.hearCertificate(nullify(2))
    const effects = it.hearCertificate(ballot('notarize', 3, 1, B))
    expect(sent(effects, 'request').flatMap(({ views }) => views)).toContain(1)
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.hear(0, { type: 'blocks', blocks: [B] })
    it.hear(0, { type: 'blocks', blocks: [A] })
    it.certified(1, A)
    it.certified(3, B)
    expect(it.state.view).toBe(4)
  })

  test('who gives up a settled view is sent what settled it, a few times per retry interval', () => {
    const it = voter()
    it.pass(1, 0, A)
    it.hearCertificate(ballot('finalize', 1, 0, A))
    const answers = Array.from({ length: 10 }, () => it.hearVotes([3], nullify(1))).flat()
    expect(sent(answers, 'certificate').map((message) => message.certificate.ballot)).toEqual(
      new Array(ANSWERS_PER_RETRY_MAX).fill(ballot('finalize', 1, 0, A)),
    )
  })

  test('one peer after the other is asked until one answers', () => {
    const it = voter()
    it.hearCertificate(ballot('finalize', 1, 0, A))
    for (let ms = 200; ms <= 1_000; ms += 200) it.at(ms)
    const asked = new Set(of(it.log, 'send').map(({ to }) => to))
    expect([...asked].sort()).toEqual([0, 1, 3])
  })

  test('ancestors come with the block that was asked for, as many as an answer holds', () => {
    const long: Block[] = [A]
    for (let height = 2; height <= 200; height++) long.push(child(`long ${height}`, long.at(-1) as Block))
    const it = voter()
    it.hearCertificate(ballot('finalize', 1, 0, long.at(-1) as Block))
    for (let rounds = 0; rounds < 4; rounds++) {
      const [request] = sent(it.log, 'request').slice(-1)
      const from = long.findIndex(({ hash }) => hash === request?.blocks[0])
      it.hear(0, { type: 'blocks', blocks: long.slice(0, from + 1).reverse() })
    }
    expect(of(it.log, 'finalized').map(({ blocks }) => blocks.length)).toEqual([200])
    // The other side: what is in memory is sent, what is below it the store adds.
    const ask: Message = { type: 'request', views: [], blocks: [hashOf('long 200'), A.hash], heightAbove: 0 }
    const effects = it.hear(3, ask)
    expect(sent(effects, 'blocks').map(({ blocks }) => blocks)).toEqual([[long.at(-1)]])
    expect(of(effects, 'serve')).toEqual([
      { type: 'serve', to: 3, blocks: [hashOf('long 199'), A.hash], heightAbove: 0, countMax: RESPONSE_BLOCKS_MAX - 1 },
    ])
  })

  test('too far behind, blocks are not fetched one by one: the application synchronizes, and the voter goes on from there', () => {
    const it = voter()
    const tip = child('tip', { hash: hashOf('before'), parentHash: NO_BLOCK, height: 400 })
    const far = ballot('finalize', VIEWS_BEHIND_MAX + 1, 7, tip)
    const effects = it.hearCertificate(far)
    expect(of(effects, 'synchronize').map(({ certificate: { ballot: what } }) => what)).toEqual([far])
    expect(of(effects, 'send')).toEqual([])
    it.hear(0, { type: 'blocks', blocks: [tip] })
    expect(it.state.blocks.has(tip.hash)).toBe(false)
    expect(of(it.at(100), 'synchronize')).toEqual([])
    expect(of(it.at(200), 'synchronize')).toHaveLength(1)
    it.feed({ type: 'synchronized', finalized: { view: far.view, block: tip, certificate: certificate(far) } })
    expect(it.state).toMatchObject({ view: far.view + 1, finalized: { block: tip } })
    expect([...it.state.blocks.keys()]).toEqual([tip.hash])
    const next = child('next', tip)
    it.hearCertificate(nullify(far.view + 1))
    it.propose(far.view + 2, far.view, next)
    it.checked(far.view + 2, next)
    expect(it.said()).toEqual([nullify(far.view + 1), ballot('notarize', far.view + 2, far.view, next)])
  })

  test('nothing is said any more in views that are settled, even while the final block is missing', () => {
    const it = voter()
    it.propose(1, 0, A)
    it.hearCertificate(ballot('finalize', 3, 1, B))
    it.checked(1, A)
    it.hearCertificate(ballot('notarize', 1, 0, A))
    it.at(10_000)
    expect(new Set(it.said().map(({ kind, view }) => `${kind} ${view}`))).toEqual(new Set(['nullify 4']))
    expect([...it.state.views.keys()]).toEqual([4])
  })

  test('a follower says nothing, asks how its view ended, and learns what is final', () => {
    const it = voter({ self: undefined })
    it.at(350)
    expect(of(it.log, 'send').map(({ message }) => message)).toEqual([
      { type: 'request', views: [1], blocks: [], heightAbove: 0 },
    ])
    it.hearCertificate(ballot('finalize', 5, 0, A))
    expect(of(it.hear(0, { type: 'blocks', blocks: [A] }), 'finalized')).toHaveLength(1)
    expect(it.said()).toEqual([])
    expect(of(it.log, 'set_timer').at(-1)).toMatchObject({ atMs: 350 + 150 + 200 })
  })

  test('observers are answered as far as they were announced, and never counted', () => {
    const it = voter({ observerCount: 1 })
    it.pass(1, 0, A)
    it.hearCertificate(ballot('finalize', 1, 0, A))
    const ask: Message = { type: 'request', views: [1], blocks: [A.hash], heightAbove: 0 }
    expect(of(it.hear(4, ask), 'send').map(({ message }) => message.type)).toEqual(['certificate', 'blocks'])
    expect(it.hear(5, ask)).toEqual(of(it.hear(5, ask), 'set_timer'))
    it.hear(4, { type: 'vote', vote: { ...vote(3, nullify(2)), signer: 4 } })
    expect(it.state.views.get(2)?.votes.nullify.size).toBe(0)
  })
})

describe('the end of an epoch', () => {
  test('proposes the last block again until it is final, without a second check, and stops there', () => {
    const it = voter({ heightLast: 1 })
    it.pass(1, 0, A)
    // Leader of view 2: nothing is built, the boundary block goes out again.
    expect(of(it.log, 'build')).toEqual([])
    expect(it.said().at(-1)).toEqual(ballot('notarize', 2, 1, A))
    it.hearCertificate(nullify(2))
    const effects = it.propose(3, 1, A)
    expect(of(effects, 'check')).toEqual([])
    expect(it.said().at(-1)).toEqual(ballot('notarize', 3, 1, A))
    it.hearCertificate(ballot('notarize', 3, 1, A))
    expect(it.said().at(-1)).toEqual(ballot('finalize', 3, 1, A))
    const end = it.hearCertificate(ballot('finalize', 3, 1, A))
    expect(of(end, 'finalized').map(({ blocks }) => blocks)).toEqual([[A]])
    expect(of(end, 'epoch_finished')).toMatchObject([{ block: A }])
    expect(of(end, 'set_timer')).toEqual([])
  })

  test('no block passes the boundary', () => {
    const it = voter({ heightLast: 1 })
    it.pass(1, 0, A)
    it.hearCertificate(nullify(2))
    it.propose(3, 1, B)
    expect(it.said()).toContainEqual(nullify(3))
  })
})

describe('a committee of one', () => {
  const alone = (own: Partial<VoterConfig> = {}) =>
    voter({ count: 1, self: 0, sign: (message) => simulatedSign(simulatedKey(0, 0), message), ...own })

  test('waits for something to build without any timer, then is final without waiting', () => {
    const it = alone()
    expect(it.log).toEqual([{ type: 'build', view: 1, parentView: 0, parent: ANCHOR }])
    it.feed({ type: 'block_built', view: 1, block: A })
    const effects = it.certified(1, A)
    expect(of(effects, 'finalized').map(({ certificate: { signers, ballot: what } }) => [signers, what])).toEqual([
      [[0], ballot('finalize', 1, 0, A)],
    ])
    expect(of(effects, 'build')).toEqual([{ type: 'build', view: 2, parentView: 1, parent: A }])
    expect(of(it.log, 'set_timer')).toEqual([])
  })

  test('goes on after a restart at any point of a block', () => {
    const it = alone()
    it.feed({ type: 'block_built', view: 1, block: A })
    it.certified(1, A)
    const records = of(it.log, 'persist').map(({ record }) => record)
    for (let length = 0; length <= records.length; length++) {
      const state = restore(it.config, { blocks: [A], log: records.slice(0, length) })
      const seen: Effect[] = []
      for (let next: Event | undefined = { type: 'started' }; next; ) {
        const effects: readonly Effect[] = step(state, next, { nowMs: 0 })
        seen.push(...effects)
        const certify = of(effects, 'certify').at(-1)
        next = certify && { type: 'block_certified', view: certify.view, hash: certify.block.hash, valid: true }
      }
      // With nothing durable the block is built anew; with its vote in the log it becomes final.
      expect(of(seen, length === 0 ? 'build' : 'finalized').length).toBeGreaterThan(0)
    }
  })
})

test('after a restart nothing that was said is contradicted', () => {
  const it = voter()
  it.propose(1, 0, A)
  it.checked(1, A)
  const records = of(it.log, 'persist').map(({ record }) => record)
  const again = restore(it.config, { blocks: [], log: records })
  const effects = [
    step(again, { type: 'started' }, { nowMs: 0 }),
    step(
      again,
      {
        type: 'message_received',
        from: 1,
        message: {
          type: 'proposal',
          block: child('twin', ANCHOR),
          vote: vote(1, ballot('notarize', 1, 0, child('twin', ANCHOR))),
        },
      },
      { nowMs: 1 },
    ),
  ].flat()
  expect(of(effects, 'check')).toEqual([])
  expect(of(effects, 'persist').filter(({ record }) => record.type === 'vote')).toEqual([])
})
