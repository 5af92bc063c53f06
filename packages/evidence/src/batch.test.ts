import { describe, expect, it } from '@jest/globals'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import {
  type Batch,
  type ClaimLeaf,
  createBatchTree,
  createUserTree,
  decodeBatch,
  decodeSumProof,
  encodeBatch,
  encodeSumProof,
  foldClaim,
  foldUserTotal,
  receiptCommitment,
  SUM_MAX,
  type SumProof,
} from './index.ts'
import { claimLists, hexes, hexOf } from './testing.ts'

const USER = hexOf(20, 1)
const claim = (amount: bigint, seed = 1): ClaimLeaf => ({ kind: 'receipt', commitment: hexOf(32, seed), amount })
const carry = (amount: bigint): ClaimLeaf => ({ kind: 'carry', commitment: hexOf(32, 99), amount })

const batches = (): fc.Arbitrary<Batch> =>
  fc.record({
    chainId: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    provider: hexes(20),
    users: fc
      .uniqueArray(fc.record({ user: hexes(20), claims: claimLists(9) }), {
        selector: ({ user }) => user,
        minLength: 1,
        maxLength: 9,
      })
      .map((users) => users.toSorted((a, b) => (a.user < b.user ? -1 : 1))),
  })

describe("one user's tree", () => {
  it('has the exact sum of its claims, and every claim can be proven', () => {
    fc.assert(
      fc.property(claimLists(), (claims) => {
        const tree = createUserTree(USER, claims)
        expect(tree.sum).toBe(claims.reduce((sum, { amount }) => sum + amount, 0n))
        for (const [index, item] of claims.entries()) {
          expect(foldClaim(USER, item, tree.prove(index))).toEqual({ requestsHash: tree.requestsHash, sum: tree.sum })
        }
      }),
    )
  })

  it('does not contain what was not claimed: any change of claim, user, place, path or sum gives another root or is refused', () => {
    fc.assert(
      fc.property(claimLists(), fc.nat(), fc.nat(), (claims, pick, at) => {
        const tree = createUserTree(USER, claims)
        const index = pick % claims.length
        const item = claims[index] as ClaimLeaf
        const proof = tree.prove(index)
        const reaches = (user: Hex, changed: ClaimLeaf, path: SumProof): boolean => {
          const folded = attempt(() => foldClaim(user, changed, path))
          if (folded === 'PROOF_INVALID') return false
          const { requestsHash, sum } = folded as ReturnType<typeof foldClaim>
          return requestsHash === tree.requestsHash && sum === tree.sum
        }
        expect(reaches(hexOf(20, 2), item, proof)).toBe(false)
        expect(reaches(USER, { ...item, commitment: flip(item.commitment, at) }, proof)).toBe(false)
        expect(reaches(USER, { ...item, amount: item.amount + 1n }, proof)).toBe(false)
        expect(reaches(USER, { ...item, kind: item.kind === 'carry' ? 'receipt' : 'carry' }, proof)).toBe(false)
        for (const change of [
          { index: index + 1 },
          { index: index - 1 },
          { count: proof.count + 1 },
          { count: proof.count - 1 },
        ]) {
          expect([change, reaches(USER, item, { ...proof, ...change })]).toEqual([change, false])
        }
        for (const [level, node] of proof.path.entries()) {
          for (const other of [
            { ...node, hash: flip(node.hash, at) },
            { ...node, sum: node.sum + 1n },
            { ...node, sum: -1n },
          ]) {
            expect(reaches(USER, item, { ...proof, path: proof.path.with(level, other) })).toBe(false)
          }
          expect(reaches(USER, item, { ...proof, path: proof.path.toSpliced(level, 1) })).toBe(false)
          expect(reaches(USER, item, { ...proof, path: proof.path.toSpliced(level, 0, node) })).toBe(false)
        }
      }),
    )
  })

  it('cannot be forged by moving wei between siblings', () => {
    const honest = createUserTree(USER, [claim(10n), claim(20n), claim(30n)])
    const moved = createUserTree(USER, [claim(11n), claim(19n), claim(30n)])
    expect(moved.sum).toBe(honest.sum)
    expect(moved.requestsHash).not.toBe(honest.requestsHash)
  })

  it('is refused when its sum exceeds 128 bits, never wrapped', () => {
    expect(createUserTree(USER, [claim(SUM_MAX)]).sum).toBe(SUM_MAX)
    expect(createUserTree(USER, [claim(SUM_MAX - 1n), claim(1n), claim(0n)]).sum).toBe(SUM_MAX)
    expect(attempt(() => createUserTree(USER, [claim(SUM_MAX), claim(1n)]))).toBe('LIMIT_EXCEEDED')
    expect(attempt(() => createUserTree(USER, [claim(SUM_MAX), claim(0n), claim(1n)]))).toBe('LIMIT_EXCEEDED')
    const path = [{ hash: hexOf(32, 1), sum: SUM_MAX }]
    expect(attempt(() => foldClaim(USER, claim(1n), { index: 0, count: 2, path }))).toBe('PROOF_INVALID')
  })

  it('has a carry first, at most once and never of nothing', () => {
    expect(createUserTree(USER, [carry(1n), claim(2n)]).sum).toBe(3n)
    for (const claims of [[], [claim(1n), carry(1n)], [carry(1n), carry(1n)], [carry(0n)], [claim(-1n)], [claim(SUM_MAX + 1n)]]) {
      expect(attempt(() => createUserTree(USER, claims))).toBe('INVALID_ARGUMENT')
    }
  })

  it('commits to a receipt only together with its salt', () => {
    const salt = new Uint8Array(32).fill(3)
    expect(receiptCommitment(hexOf(32, 1), salt)).not.toBe(receiptCommitment(hexOf(32, 1), salt.fill(4)))
    expect(attempt(() => receiptCommitment(hexOf(32, 1), salt.subarray(1)))).toBe('INVALID_ARGUMENT')
  })
})

describe('a batch', () => {
  it('contains the total of each user, and sums to the wei', () => {
    fc.assert(
      fc.property(batches(), (batch) => {
        const tree = createBatchTree(batch)
        const totals = batch.users.map(({ claims }) => claims.reduce((sum, { amount }) => sum + amount, 0n))
        expect(tree.sum).toBe(totals.reduce((sum, total) => sum + total, 0n))
        for (const [index, total] of tree.users.entries()) {
          expect(total.sum).toBe(totals[index])
          expect(foldUserTotal(batch, total, tree.prove(total.user))).toEqual({ batchRoot: tree.batchRoot, sum: tree.sum })
        }
      }),
      { numRuns: 30 },
    )
  })

  it('does not contain another total, and belongs to one provider on one chain', () => {
    fc.assert(
      fc.property(batches(), fc.nat(), (batch, pick) => {
        const tree = createBatchTree(batch)
        const { user, requestsHash, sum } = tree.users[pick % tree.users.length] as (typeof tree.users)[number]
        const total = { user, requestsHash, sum }
        const proof = tree.prove(user)
        const root = (owner: Pick<Batch, 'chainId' | 'provider'>, changed = total, path = proof): unknown =>
          attempt(() => foldUserTotal(owner, changed, path).batchRoot)
        expect(root(batch)).toBe(tree.batchRoot)
        for (const other of [
          root({ ...batch, chainId: batch.chainId === 1n ? 2n : 1n }),
          root({ ...batch, provider: flip(batch.provider, 0) }),
          root(batch, { ...total, sum: sum + 1n }),
          root(batch, { ...total, user: flip(user, 1) }),
          root(batch, { ...total, requestsHash: flip(requestsHash, 2) }),
          root(batch, total, { ...proof, count: proof.count + 1 }),
        ]) {
          expect(other).not.toBe(tree.batchRoot)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('has users by rising address, each once, and says which limit it exceeds', () => {
    const batch = (users: Batch['users']): Batch => ({ chainId: 1n, provider: hexOf(20, 7), users })
    const user = (value: number, claims: readonly ClaimLeaf[] = [claim(1n)]) => ({ user: hexOf(20, value), claims })
    expect(attempt(() => createBatchTree(batch([user(2), user(1)])))).toBe('INVALID_ARGUMENT')
    expect(attempt(() => createBatchTree(batch([user(1), user(1)])))).toBe('INVALID_ARGUMENT')
    expect(attempt(() => createBatchTree(batch([])))).toBe('INVALID_ARGUMENT')
    expect(attempt(() => createBatchTree(batch([user(1, [claim(SUM_MAX)]), user(2)])))).toBe('LIMIT_EXCEEDED')
    const many = Array.from({ length: 4_097 }, (_, index) => ({
      user: `0x${index.toString(16).padStart(40, '0')}` as Hex,
      claims: [claim(1n)],
    }))
    expect(attempt(() => createBatchTree(batch(many)))).toBe('LIMIT_EXCEEDED')
    expect(createBatchTree(batch(many.slice(1))).sum).toBe(4_096n)
  })
})

describe('a published blob', () => {
  it('gives back the batch, from which anyone computes the same roots', () => {
    fc.assert(
      fc.property(batches(), (batch) => {
        const read = decodeBatch(encodeBatch(batch))
        expect(read).toEqual(batch)
        expect(createBatchTree(read).batchRoot).toBe(createBatchTree(batch).batchRoot)
      }),
      { numRuns: 30 },
    )
  })

  it('has one form: bytes that decode are what encoding gives, and make a tree unless their sum overflows', () => {
    const near = fc.tuple(batches(), fc.nat(), fc.nat(255)).map(([batch, at, value]) => {
      const bytes = encodeBatch(batch)
      bytes[at % bytes.length] = value
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const batch = attempt(() => decodeBatch(bytes))
        if (batch === 'ENCODING_INVALID') return
        expect(encodeBatch(batch as Batch)).toEqual(Uint8Array.from(bytes))
        expect(attempt(() => createBatchTree(batch as Batch))).not.toBe('INVALID_ARGUMENT')
      }),
    )
  })

  it('that claims more users or claims than it holds is refused before anything of that size is made', () => {
    const bytes = encodeBatch({ chainId: 1n, provider: hexOf(20, 7), users: [{ user: USER, claims: [claim(1n)] }] })
    for (const [offset, value] of [
      [29, '00000000'],
      [29, '00000002'],
      [29, 'ffffffff'],
      [53, '00000000'],
      [53, '0000ffff'],
      [53, 'ffffffff'],
    ] as const) {
      const changed = Uint8Array.from(bytes)
      changed.set(fromHex(`0x${value}`), offset)
      expect([offset, value, attempt(() => decodeBatch(changed))]).toEqual([offset, value, 'ENCODING_INVALID'])
    }
  })
})

describe('an encoded proof', () => {
  it('is read back, and nothing else decodes', () => {
    fc.assert(
      fc.property(claimLists(), fc.nat(), (claims, pick) => {
        const proof = createUserTree(USER, claims).prove(pick % claims.length)
        const bytes = encodeSumProof(proof)
        expect(decodeSumProof(bytes)).toEqual(proof)
        expect(attempt(() => decodeSumProof(bytes.subarray(1)))).toBe('ENCODING_INVALID')
        expect(attempt(() => decodeSumProof(Uint8Array.from([...bytes, 0])))).toBe('ENCODING_INVALID')
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const proof = attempt(() => decodeSumProof(bytes))
        if (proof !== 'ENCODING_INVALID') expect(encodeSumProof(proof as SumProof)).toEqual(Uint8Array.from(bytes))
      }),
    )
  })
})

/** Another value of the same length. */
function flip(value: Hex, at: number): Hex {
  const bytes = Uint8Array.from(fromHex(value))
  const index = at % bytes.length
  bytes[index] = (bytes[index] as number) ^ 1
  return toHex(bytes)
}

function attempt(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    const { reason } = error as { reason?: string }
    if (reason === undefined) throw error
    return reason
  }
}
