import { describe, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import { assignRows, type Committee, quorumIdOf } from '@zerog/availability'
import { equalBytes, ZerogError } from '@zerog/primitives'
import { createMetrics, silentLogger } from '@zerog/runtime'
import fc from 'fast-check'
import { bytesOf, type Coded, codedBundle, membersOf } from '../../../test/support/members.ts'
import { staticCommittees } from '../../adapters/committees/static.ts'
import { inlineRowWork } from '../../adapters/row-work/inline.ts'
import { incrementalSha256 } from '../../adapters/sha256.ts'
import { createRetriever, type Retriever } from './retriever.ts'
import type { Source } from './sources.ts'

type Behaviour =
  | 'honest'
  | 'gone'
  | 'unknowing' // as if it had never heard of the bundle
  | 'withholding' // never answers
  | 'stalling' // some rows, then nothing
  | 'partial' // leaves rows out
  | 'lying' // one bit of a row
  | 'strange' // rows that nobody asked for
  | 'false vector' // one bit of the RLC vector
  | 'false size' // rows of another size than the committed ones
  | 'false shape' // another number of rows
  | 'accusing' // says that the disperser encoded wrongly
const BAD: readonly Behaviour[] = [
  'gone',
  'unknowing',
  'withholding',
  'stalling',
  'partial',
  'lying',
  'strange',
  'false vector',
  'false size',
  'false shape',
  'accusing',
]

const work = inlineRowWork()
const never = new AbortController().signal

function sourceOf(coded: Coded, committee: Committee, member: number, behaviour: Behaviour): Source {
  const { encoded, statement } = coded
  const mine = new Set(assignRows(committee, statement).rows(member))
  const forever = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  return {
    async *rows({ indexes }, signal) {
      if (behaviour === 'gone') throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'gone' })
      if (behaviour === 'unknowing') throw new ZerogError('NOT_FOUND', { message: 'never heard of it' })
      if (behaviour === 'accusing') throw new ZerogError('ENCODING_INVALID', { message: 'encoded wrongly' })
      if (behaviour === 'withholding') await forever(signal)
      const held = indexes.filter((index) => mine.has(index))
      for (let at = 0; at < held.length; at += 16) {
        const rows = held.slice(at, at + 16).map((index) => encoded.proof(index))
        if (behaviour === 'stalling' && at > 0) await forever(signal)
        if (behaviour === 'partial') yield rows.slice(1)
        else if (behaviour === 'strange') yield [encoded.proof((held[0] as number) === 3 ? 4 : 3)]
        else if (behaviour === 'lying') yield rows.map(({ index, row, path }) => ({ index, row: flipped(row, 9), path }))
        else yield rows
      }
    },
    async code(_, signal) {
      if (behaviour === 'gone') throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'gone' })
      if (behaviour === 'unknowing') throw new ZerogError('NOT_FOUND', { message: 'never heard of it' })
      if (behaviour === 'accusing') throw new ZerogError('ENCODING_INVALID', { message: 'encoded wrongly' })
      if (behaviour === 'withholding') await forever(signal)
      const { rlc, rowRoot } = encoded
      if (behaviour === 'false vector') return { bundle: statement, rlc: flipped(rlc, 100), rowRoot }
      if (behaviour === 'false size') return { bundle: { ...statement, rowBytes: statement.rowBytes + 64 }, rlc, rowRoot }
      if (behaviour === 'false shape') return { bundle: { ...statement, n: statement.k }, rlc, rowRoot }
      return { bundle: statement, rlc, rowRoot }
    },
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return Uint8Array.from(bytes, (byte, index) => (index === at % bytes.length ? byte ^ 16 : byte))
}

function open(coded: Coded, committee: Committee, behaviours: readonly Behaviour[]): Retriever {
  const sources = committee.members.map((_, member) => sourceOf(coded, committee, member, behaviours[member] as Behaviour))
  return createRetriever(
    { hedgeMsMin: 1, hedgeMsMax: 5 },
    {
      committees: staticCommittees([committee]),
      connect: ({ socket }) => sources[Number(socket)] as Source,
      checker: work,
      restorer: work,
      sha256: incrementalSha256,
      clock: systemClock,
      random: cryptoRandom,
      logger: silentLogger,
      meter: createMetrics().meter({ target: 'da-retriever', replica: '0' }),
    },
  )
}

async function read(retriever: Retriever, { statement }: Coded, index = 0, signal = never): Promise<Uint8Array> {
  const { commitment, epoch } = statement
  const parts: Uint8Array[] = []
  const range = { offset: 0, length: 0 }
  for await (const part of retriever.retrieve({ commitment, epoch, quorumId: quorumIdOf(0, index) }, range, signal))
    parts.push(part)
  return Buffer.concat(parts)
}

const STAKES = [5n, 4n, 3n, 3n, 2n]

describe('any third of the stake may be bad in any way:', () => {
  test('blobs of a small bundle and of one with long rows are read, and every byte is the committed one', async () => {
    const { committee } = membersOf(STAKES)
    const bundles = [codedBundle([bytesOf(700, 1), bytesOf(2000, 2)], committee), codedBundle([bytesOf(400_000, 3)], committee)]
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
        fc.array(fc.constantFrom(...BAD), { minLength: 5, maxLength: 5 }),
        fc.constantFrom(...bundles),
        async (order, kinds, coded) => {
          const behaviours = STAKES.map((): Behaviour => 'honest')
          let bad = 0n
          for (const member of order) {
            const stake = STAKES[member] as bigint
            if (3n * (bad + stake) >= committee.totalStake) continue
            bad += stake
            behaviours[member] = kinds[member] as Behaviour
          }
          const retriever = open(coded, committee, behaviours)
          const blob = coded === bundles[1] ? bytesOf(400_000, 3) : bytesOf(700, 1)
          expect(equalBytes(await read(retriever, coded), blob)).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  }, 120_000)
})

describe('with too many bad members', () => {
  const { committee } = membersOf([1n, 1n, 1n])
  const coded = codedBundle([bytesOf(900, 1)], committee)
  const outcome = (behaviours: readonly Behaviour[], signal?: AbortSignal) =>
    read(open(coded, committee, behaviours), coded, 0, signal).then(
      () => 'read',
      (error) => (error instanceof ZerogError ? error.reason : String(error)),
    )

  test('a read says that rows are missing, that nobody knows the bundle, or goes on with the last honest third', async () => {
    expect(await outcome(['gone', 'gone', 'gone'])).toBe('ROWS_INSUFFICIENT')
    expect(await outcome(['lying', 'lying', 'partial'])).toBe('ROWS_INSUFFICIENT')
    expect(await outcome(['false vector', 'false size', 'gone'])).toBe('ROWS_INSUFFICIENT')
    expect(await outcome(['unknowing', 'unknowing', 'unknowing'])).toBe('NOT_FOUND')
    expect(await outcome(['unknowing', 'unknowing', 'gone'])).toBe('ROWS_INSUFFICIENT')
    expect(await outcome(['accusing', 'accusing', 'accusing'])).toBe('ROWS_INSUFFICIENT')
    expect(await outcome(['lying', 'accusing', 'honest'])).toBe('read')
  })

  test('a read that nobody answers ends when its caller leaves', async () => {
    const stop = new AbortController()
    const waiting = outcome(['withholding', 'withholding', 'withholding'], stop.signal)
    stop.abort(new ZerogError('CANCELLED', { message: 'the caller left' }))
    expect(await waiting).toBe('CANCELLED')
  })
})
