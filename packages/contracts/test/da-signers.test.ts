import { beforeEach, describe, expect, it } from '@jest/globals'
import { assignRows, committeeRows, compressKey, dealCounts, type Member, possessionMessage } from '@zerog/availability'
import { nobleBls } from '@zerog/consensus/noble'
import { sha256 } from '@zerog/kernels'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import {
  developmentDaMembers,
  encodeRegisterKey,
  encodeSubmitCertificates,
  genesisAllocation,
  readCommittee,
  readEpoch,
} from '../src/index.ts'
import {
  CHAIN_ID,
  callOf,
  certifiedWindow,
  committeeOf,
  daAllocation,
  encode,
  eventsOf,
  failure,
  registration,
  SIGNERS,
  type TestMember,
  testMembers,
  testStatement,
  view,
} from './support/da-client.ts'
import { ALICE, BOB, createTestChain, OWNER, type TestChain } from './support/test-chain.ts'

const members = testMembers([5n, 3n, 2n])
const [first, second, third] = members as [TestMember, TestMember, TestMember]
const withoutSecrets = (list: readonly TestMember[]): Member[] => list.map(({ secretKey: _, ...member }) => member)

let chain: TestChain
beforeEach(async () => {
  chain = await createTestChain(daAllocation())
})

const setVotes = (account: Hex, votes: bigint, from: Hex = OWNER) =>
  chain.send({ from, ...encode(SIGNERS, 'setVotes', [account, votes]) })
const makeEpoch = (from: Hex = ALICE) => chain.send({ from, ...encode(SIGNERS, 'makeEpoch') })
const committeeAt = (epoch: bigint) => readCommittee(callOf(chain), { epoch })

describe('a registration', () => {
  it('with a proof of possession and votes is in the next committee, with the root that everybody computes', async () => {
    expect(await readEpoch(callOf(chain))).toBe(0n)
    expect(await committeeAt(1n)).toBeUndefined()
    expect(failure(await makeEpoch())).toBe('NoMembers()')
    for (const member of members) {
      const outcome = await chain.send(registration(member))
      expect([failure(outcome), eventsOf(outcome.logs).map(({ name }) => name)]).toEqual([
        'success',
        ['SocketUpdated', 'SignerRegistered'],
      ])
      expect(failure(await setVotes(member.address, member.stake))).toBe('success')
      expect(await view(chain, SIGNERS, 'registeredEpoch', member.address, 1n)).toBe(true)
    }
    const outcome = await makeEpoch()
    expect(failure(outcome)).toBe('success')
    const committee = await committeeAt(1n)
    expect(committee?.members).toEqual(withoutSecrets(members))
    const [event] = eventsOf(outcome.logs)
    expect(event).toMatchObject({
      name: 'EpochMade',
      args: { epoch: 1n, committeeRoot: toHex(committee?.root ?? new Uint8Array()), totalVotes: 10n },
    })
    // And it certifies.
    if (committee === undefined) throw new Error('there is a committee')
    const window = certifiedWindow([testStatement()], { committee, members, signers: [0, 2] })
    expect(failure(await chain.send(encodeSubmitCertificates([window])))).toBe('success')
  })

  it('whose proof is of another key, account, chain or message is refused, so nobody registers what he does not own', async () => {
    const proofOver = (member: TestMember, change: Partial<Parameters<typeof possessionMessage>[0]>, signer = member) =>
      nobleBls.sign(
        signer.secretKey,
        possessionMessage({ chainId: CHAIN_ID, account: fromHex(member.address), publicKey: compressKey(member.key), ...change }),
      )
    const negated = { ...first, key: negate(first.key) }
    const attempts: [string, TestMember, Uint8Array][] = [
      ['another key signed', first, proofOver(first, {}, second)],
      ['for another account', first, proofOver(first, { account: fromHex(second.address) })],
      ['on another chain', first, proofOver(first, { chainId: 2n })],
      ['for another key', first, proofOver(first, { publicKey: compressKey(second.key) })],
      ['of the negative of a key, without its secret', negated, proofOver(first, { publicKey: compressKey(negated.key) })],
      ['a plain signature', first, nobleBls.sign(first.secretKey, new Uint8Array(3))],
    ]
    for (const [name, { key, address, socket }, possession] of attempts) {
      const outcome = await chain.dryRun({ from: address, ...encodeRegisterKey({ key, possession, socket }) })
      expect([name, failure(outcome)]).toEqual([name, 'PossessionInvalid()'])
    }
    // The rogue key: the attacker's minus the victim's. It cannot be proven either.
    const good = registration(first)
    expect(failure(await chain.dryRun({ ...good, from: second.address }))).toBe('PossessionInvalid()')
    expect(failure(await chain.dryRun(good))).toBe('success')
  })

  it('of infinity, of a point outside of the subgroup or off the curve is refused', async () => {
    const zero = { xHigh: 0n, xLow: 0n, yHigh: 0n, yLow: 0n }
    const none = { x0High: 0n, x0Low: 0n, x1High: 0n, x1Low: 0n, y0High: 0n, y0Low: 0n, y1High: 0n, y1Low: 0n }
    const register = async (key: unknown) =>
      failure(await chain.dryRun({ from: BOB, ...encode(SIGNERS, 'registerKey', [key, none, '']) }))
    expect(await register(zero)).toBe('KeyInvalid()')
    expect(await register({ ...zero, xLow: 1n })).toBe('PossessionInvalid()')
    // (4, sqrt(68)) is on the curve, not in the subgroup.
    const y = 0x0a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e354abe706cn
    expect(await register({ xHigh: 0n, xLow: 4n, yHigh: y >> 256n, yLow: y & (2n ** 256n - 1n) })).toBe('PossessionInvalid()')
  })

  it('may change key and socket, and leave; the committee follows at the next epoch', async () => {
    for (const member of members) {
      await chain.send(registration(member))
      await setVotes(member.address, member.stake)
    }
    await makeEpoch()
    const before = await committeeAt(1n)
    const replaced = {
      ...(testMembers([1n, 1n, 1n, 1n])[3] as TestMember),
      address: first.address,
      stake: first.stake,
      socket: 'moved',
    }
    expect(failure(await chain.send(registration(replaced)))).toBe('success')
    expect(failure(await chain.send({ from: second.address, ...encode(SIGNERS, 'leaveCommittee') }))).toBe('success')
    expect(failure(await chain.send({ from: third.address, ...encode(SIGNERS, 'updateSocket', ['elsewhere']) }))).toBe('success')
    expect((await committeeAt(1n))?.root).toEqual(before?.root)
    expect((await committeeAt(1n))?.members.map(({ socket }) => socket)).toEqual(['moved', second.socket, 'elsewhere'])
    chain.height += 100n
    expect(failure(await makeEpoch())).toBe('success')
    expect((await committeeAt(2n))?.members).toEqual(withoutSecrets([replaced, { ...third, socket: 'elsewhere' }]))
    expect(await view(chain, SIGNERS, 'registeredEpoch', second.address, 1n)).toBe(true)
    expect(await view(chain, SIGNERS, 'registeredEpoch', second.address, 2n)).toBe(false)
    // Registering again brings it back.
    expect(failure(await chain.send(registration(second)))).toBe('success')
    expect(await view(chain, SIGNERS, 'nextMembers')).toHaveLength(3)
    expect(failure(await setVotes(third.address, 0n))).toBe('success')
    expect(await view(chain, SIGNERS, 'nextMembers')).toHaveLength(2)
  })

  it('is needed for everything else, and only the weigher gives votes', async () => {
    expect(failure(await chain.send({ from: BOB, ...encode(SIGNERS, 'leaveCommittee') }))).toMatch(/^NotRegistered/)
    expect(failure(await chain.send({ from: BOB, ...encode(SIGNERS, 'updateSocket', ['x']) }))).toMatch(/^NotRegistered/)
    expect(failure(await setVotes(BOB, 1n, ALICE))).toMatch(/^NotWeigher/)
    expect(failure(await chain.send({ from: OWNER, ...encode(SIGNERS, 'setWeigher', [ALICE]) }))).toBe('success')
    expect(failure(await setVotes(BOB, 1n, ALICE))).toBe('success')
    expect(failure(await setVotes(BOB, 1n, OWNER))).toMatch(/^NotWeigher/)
    expect(await view(chain, SIGNERS, 'nextMembers')).toEqual([])
    expect(
      failure(
        await chain.send({ ...registration(first), data: registration({ ...first, socket: 'x'.repeat(257) }).data as Hex }),
      ),
    ).toBe('SocketTooLong()')
  })
})

describe('an epoch', () => {
  it('lasts its blocks for everybody but the owner, and certificates are taken for one epoch more, or a week', async () => {
    chain = await createTestChain(daAllocation(members))
    const submit = (epoch: bigint, expiry = chain.timestampSeconds + 500_000n) =>
      chain.dryRun(
        encodeSubmitCertificates([
          certifiedWindow([testStatement({ epoch, expiry })], { committee: committeeOf(members, epoch), members }),
        ]),
      )
    expect(failure(await submit(1n))).toBe('success')
    chain.height = 99n
    expect(failure(await makeEpoch())).toBe('EpochNotOver(100)')
    expect(failure(await chain.dryRun({ from: OWNER, ...encode(SIGNERS, 'makeEpoch') }))).toBe('success')
    chain.height = 100n
    expect(failure(await makeEpoch())).toBe('success')
    expect([failure(await submit(1n)), failure(await submit(2n))]).toEqual(['success', 'success'])
    expect(failure(await submit(3n))).toBe('EpochNotOpen(3,2)')
    chain.height = 200n
    const again = await makeEpoch()
    // The same members share the account: no code is written.
    expect(again.gasUsed).toBeLessThan(120_000n)
    expect([failure(await submit(2n)), failure(await submit(3n))]).toEqual(['success', 'success'])
    // The first epoch ended with the beginning of the second.
    const endedAt = (await view(chain, SIGNERS, 'epochEndedAt', 1n)) as bigint
    expect([endedAt, await view(chain, SIGNERS, 'epochEndedAt', 3n)]).toEqual([chain.timestampSeconds, 0n])
    chain.timestampSeconds = endedAt + 604_800n
    expect(failure(await submit(1n))).toBe('success')
    expect(failure(await submit(0n))).toMatch(/^CommitteeUnknown/)
    // A late certificate still has to hold: an expiry that has passed, or too few signatures.
    expect(failure(await submit(1n, endedAt + 1n))).toMatch(/^Expired/)
    chain.timestampSeconds++
    expect(failure(await submit(1n))).toBe(`EpochClosed(1,${endedAt + 604_800n})`)
    expect([failure(await submit(2n)), failure(await submit(3n))]).toEqual(['success', 'success'])
  })
})

describe('a genesis with members', () => {
  it('holds what their registrations would have made', async () => {
    for (const member of members) {
      await chain.send(registration(member))
      await setVotes(member.address, member.stake)
    }
    await makeEpoch()
    const born = daAllocation(members)
    // All but the epoch's own words: height, time and seed.
    const epochWords = new Set(
      Object.keys(daAllocation(members)[SIGNERS]?.storage ?? {}).filter(
        (slot) => born[SIGNERS]?.storage?.[slot as Hex] === toHex(new Uint8Array(32).fill(5)),
      ),
    )
    for (const [slot, value] of Object.entries(born[SIGNERS]?.storage ?? {}) as [Hex, Hex][]) {
      if (epochWords.has(slot)) continue
      const found = await chain.storage(SIGNERS, slot)
      // The word of the committee's account also has height and time.
      const account = Object.keys(born).find((address) => BigInt(address) === BigInt(value))
      if (account === undefined) expect([slot, found]).toEqual([slot, value])
      else expect(BigInt(found) & (2n ** 160n - 1n)).toBe(BigInt(account))
    }
    expect(epochWords.size).toBe(1)
    const deployed = await createTestChain(born)
    expect(await view(deployed, SIGNERS, 'epochDetail', 1n)).toMatchObject({ members: 3, totalVotes: 10n })
    expect(await view(chain, SIGNERS, 'committeeMembers', 1n, 0n, 10n)).toEqual(
      await view(deployed, SIGNERS, 'committeeMembers', 1n, 0n, 10n),
    )
    // Members of a genesis are registered like all others: they change and leave by transaction.
    expect(failure(await deployed.send({ from: second.address, ...encode(SIGNERS, 'leaveCommittee') }))).toBe('success')
    expect(failure(await deployed.send(registration(first)))).toBe('success')
  })

  it('takes 1,000 members over several accounts, and any of them may be absent', async () => {
    const count = 1_000
    // Real keys are slow to make: few, used again and again. Aggregation does not mind.
    const few = testMembers(Array.from({ length: 8 }, () => 1n))
    const many = Array.from({ length: count }, (_, index) => {
      const { key, secretKey } = few[index % 8] as TestMember
      return {
        key,
        secretKey,
        stake: BigInt(1 + (index % 3)),
        socket: '',
        address: toHex(sha256(Uint8Array.of(index, index >> 8)).subarray(0, 20)),
      }
    })
    const { committeeAccounts } = await import('../src/da/committee-code.ts')
    const accounts = committeeAccounts(many, { address: SIGNERS, nonce: 1n })
    expect(Object.keys(accounts.code)).toHaveLength(6)
    for (const code of Object.values(accounts.code)) expect(code.length / 2 - 1).toBeLessThanOrEqual(24_576)
    const base = daAllocation(few)
    const account = Object.entries(base).find(([address, { code }]) => address !== SIGNERS && code?.startsWith('0x00'))?.[0]
    const replaced = Object.fromEntries(
      Object.entries(accounts.code).map(([address, code]) => [address, { balance: 0n, nonce: 1n, code }]),
    )
    const storage = Object.fromEntries(
      Object.entries(base[SIGNERS]?.storage ?? {}).map(([slot, value]) => [
        slot,
        BigInt(value) === BigInt(account ?? 0) ? `0x${accounts.first.slice(2).padStart(64, '0')}` : value,
      ]),
    ) as Record<Hex, Hex>
    const large = await createTestChain({ ...base, ...replaced, [SIGNERS]: { balance: 0n, ...base[SIGNERS], storage } })
    const committee = committeeOf(many)
    expect((await readCommittee(callOf(large), { epoch: 1n }))?.root).toEqual(committee.root)
    const absent = new Set([0, 7, 8, 195, 196, 197, 255, 256, 391, 392, 511, 512, 783, 784, 980, 998, 999])
    const signers = many.map((_, index) => index).filter((index) => !absent.has(index))
    const window = certifiedWindow([testStatement()], { committee, members: many, signers })
    expect(failure(await large.send(encodeSubmitCertificates([window])))).toBe('success')
  })

  it('of the development network has the members that its nodes are', () => {
    const allocation = genesisAllocation({
      chainId: 31337n,
      development: true,
      chainOnly: false,
      da: { members: developmentDaMembers(4) },
    })
    expect(Object.values(allocation).filter(({ code }) => code?.startsWith('0x00'))).toHaveLength(1)
  })

  it('is refused with members that no committee can have', () => {
    const of = (list: readonly Member[]) => () => daAllocation(list)
    const refused = expect.objectContaining({ reason: 'CONFIG_INVALID' })
    expect(of([first, { ...second, address: first.address }])).toThrow(refused)
    expect(of([first, { ...second, key: first.key }])).toThrow(refused)
    expect(of([{ ...first, stake: 0n }])).toThrow(refused)
    expect(of([{ ...first, socket: 'x'.repeat(257) }])).toThrow(refused)
    expect(of([{ ...first, key: new Uint8Array(96).fill(1) }])).toThrow(refused)
  })
})

describe("0G's views", () => {
  it('show quorum, rows, signers and parameters as they are dealt off chain', async () => {
    const uneven = testMembers([5n, 3n, 1n])
    chain = await createTestChain(daAllocation(uneven))
    const counts = dealCounts(uneven, 1_024)
    const owners = (await view(chain, SIGNERS, 'getQuorum', 1n, 0n)) as Hex[]
    expect(owners.map((owner) => owner.toLowerCase())).toEqual(
      uneven.flatMap(({ address }, index) => new Array(counts[index]).fill(address)),
    )
    for (const place of [0, 568, 569, 1_023])
      expect(await view(chain, SIGNERS, 'getQuorumRow', 1n, 7n << 32n, place)).toBe(owners[place])
    expect(await view(chain, SIGNERS, 'getQuorumRow', 1n, 0n, 1_024)).toBe('RowUnknown(1024)')
    expect(await view(chain, SIGNERS, 'getQuorum', 1n, 1n)).toBe('QuorumUnknown(1)')
    expect(await view(chain, SIGNERS, 'getQuorum', 2n, 0n)).toBe('EpochUnknown(2)')
    expect(await view(chain, SIGNERS, 'getQuorum', 1n << 64n, 0n)).toBe(`ValueTooLarge(${1n << 64n})`)
    expect(await view(chain, SIGNERS, 'params')).toEqual({
      tokensPerVote: 0n,
      maxVotesPerSigner: 2n ** 64n - 1n,
      maxQuorums: 1n,
      epochBlocks: 100n,
      encodedSlices: 1_024n,
    })
    expect(await view(chain, SIGNERS, 'epochNumber')).toBe(1n)
    expect([await view(chain, SIGNERS, 'quorumCount', 1n), await view(chain, SIGNERS, 'quorumCount', 2n)]).toEqual([1n, 0n])
    const [member] = uneven as [TestMember]
    expect([await view(chain, SIGNERS, 'isSigner', member.address), await view(chain, SIGNERS, 'isSigner', BOB)]).toEqual([
      true,
      false,
    ])
    const zero = { X: 0n, Y: 0n }
    expect(await view(chain, SIGNERS, 'getSigner', [member.address])).toMatchObject([
      { socket: member.socket, pkG1: zero, pkG2: { X: [0n, 0n], Y: [0n, 0n] } },
    ])
    expect(await view(chain, SIGNERS, 'getSigner', [BOB])).toMatch(/^NotRegistered/)
    // The owner of a place is whom the row at that place of the permutation is dealt to.
    const assignment = assignRows(committeeOf(uneven), { commitment: sha256(Uint8Array.of(1)), k: 256, n: 768 })
    expect(uneven[assignment.owner(assignment.dealt(1)[0] as number)]?.address).toBe(owners[counts[0] as number]?.toLowerCase())
  })

  it('deal by largest remainder for any stakes', async () => {
    const keys = testMembers([1n, 1n, 1n, 1n, 1n, 1n, 1n])
    for (const stakes of [
      [1n, 1n, 1n, 1n, 1n, 1n, 1n],
      [7n, 1n, 9n, 2n ** 62n, 5n, 5n, 3n],
      [100n, 99n, 98n, 97n, 3n, 2n, 1n],
    ]) {
      const list = keys.map((member, index) => ({ ...member, stake: stakes[index] as bigint }))
      const of = await createTestChain(daAllocation(list))
      const owners = ((await view(of, SIGNERS, 'getQuorum', 1n, 0n)) as Hex[]).map((owner) => owner.toLowerCase())
      const counts = dealCounts(list, 4 * committeeRows(7))
      expect(list.map(({ address }) => owners.filter((owner) => owner === address).length)).toEqual(counts)
    }
  })

  it('refuse keys of BN254 by name', async () => {
    const point = { X: 1n, Y: 2n }
    const detail = { signer: BOB, socket: '', pkG1: point, pkG2: { X: [0n, 0n], Y: [0n, 0n] } }
    expect(await view(chain, SIGNERS, 'registerSigner', detail, point)).toBe('Bn254KeysUnsupported()')
    expect(await view(chain, SIGNERS, 'registerNextEpoch', BOB, point, 1n)).toBe('Bn254KeysUnsupported()')
  })
})

const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn

function negate(key: Uint8Array): Uint8Array {
  const y = P - BigInt(toHex(key.slice(48)))
  return fromHex(`${toHex(key.slice(0, 48))}${y.toString(16).padStart(96, '0')}`)
}
