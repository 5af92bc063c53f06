import { aggregateSignatures, SecretKey, Signature } from '@chainsafe/blst'
import { memoryKv } from '@zerog/adapters'
import {
  buildBundle,
  certify,
  createCommittee,
  createWindow,
  encodeCertificate as encodeDaCertificate,
  hashStatement,
  type Member,
  parseBundle,
  quorumIdOf,
  type Statement,
  windowMessage,
  windowPath,
} from '@zerog/availability'
import { encodeCertificate, encodeValidatorSet, type Validator, validatorSetHash, voteMessage } from '@zerog/consensus'
import { blstMultisignature } from '@zerog/consensus/blst'
import { DEVNET_CHAIN_ID, genesisAllocation } from '@zerog/contracts'
import { encodePayload, layoutFor } from '@zerog/erasure'
import {
  addressOfKey,
  anchorSlots,
  type ClaimLeaf,
  createBatchTree,
  encodeBatch,
  type InferenceReceipt,
  modelSlots,
  receiptCommitment,
  receiptDomain,
  receiptHash,
  settlementSlots,
  signerSlot,
  signReceipt,
} from '@zerog/evidence'
import { createExecutor, encodeHeader, type Header } from '@zerog/evm'
import { sha256 } from '@zerog/kernels'
import { bigintToBytes, concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import {
  type BatchMaterial,
  batchRanges,
  claimRanges,
  type EpochStep,
  type Evidence,
  encodeEvidence,
  encodeLineage,
  type FactQuestion,
  factPlan,
  findClaim,
  type LinkName,
  lineageHash,
  packNodes,
  rowsOf,
  type Trust,
  trustOf,
} from '../src/index.ts'
import { readCommitteeCode } from '../src/links/committee.ts'

export type WorldOptions = {
  readonly chainId?: bigint
  readonly seed?: string
  readonly users?: number
  readonly receipts?: number
  readonly validators?: number
  readonly daMembers?: number
  readonly steps?: number
  /** The set stays the same from epoch to epoch. */
  readonly sameSet?: boolean
  /** Headers from the settlement's block to the certified one. */
  readonly headers?: number
  /** Further accounts and settlements, so that the tries are as deep as those of a chain in use. */
  readonly accounts?: number
  readonly free?: boolean
  readonly model?: boolean
  readonly lineage?: boolean
  /** Share of the user's total that was paid, percent. */
  readonly paidPercent?: bigint
  /** The first claim of every user is a carry. */
  readonly carry?: boolean
  /** What the chain says otherwise: added to the first slot of a contract, or to a slot of all settlements; `empty`: nothing is stored. */
  readonly change?: { readonly contract: string; readonly place?: number; readonly by: bigint }
}

export type World = {
  readonly trust: Trust
  readonly blob: Uint8Array
  /** The vector of the DA bundle that holds the blob. */
  readonly rlc: Uint8Array
  /** Evidence of receipt `index`, with or without the bytes of request and answer. */
  evidence(index: number, full?: boolean): Promise<Evidence>
  bytes(index: number, full?: boolean): Promise<Uint8Array>
  /** What all of these answers share, as a provider collects it. */
  material(): Promise<BatchMaterial>
  /** Words of slots as the chain holds them. */
  chainFacts(): { readonly anchor: readonly [Hex, Hex]; readonly settlements: ReadonlyMap<Hex, readonly [Hex, Hex, Hex]> }
  /** Hashes of the nodes that each link's proofs hold. */
  proofsByLink(index: number): Promise<Map<LinkName, Set<Hex>>>
}

const EPOCH_LENGTH = 10n
const START = 1_790_000_000n
const DA_EPOCH = 1n
const WORD: Hex = `0x${'00'.repeat(32)}`
const MODEL: Hex = `0x${'a3'.repeat(32)}`
const OWNER: Hex = `0x${'0e'.repeat(20)}`

/** A whole chain of evidence from the real encoders, trees, codes, signatures and state tries: everything is generated from the seed. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { chainId = 4_242n, seed = 'evidence', steps = 0, headers = 1, model = true } = options
  const draw = (...parts: (string | number)[]): Uint8Array => sha256(new TextEncoder().encode([seed, ...parts].join('/')))
  const signerKey = draw('signer')
  const signer = addressOfKey(signerKey)
  const provider = addressOf(draw('provider'))
  const sets = Array.from({ length: steps + 1 }, (_, epoch) =>
    validatorsOf(options.validators ?? 4, options.sameSet ? 0 : epoch, draw),
  )
  const trust = trustOf({ chainId, validatorSetHash: hashOf(sets[0] as SignedSet), epoch: 0n, epochLength: EPOCH_LENGTH })
  const { receiptAnchor } = trust.contracts
  const domain = receiptDomain({ chainId, receiptAnchor })

  // Receipts, the batch and its blob.
  const users = Array.from({ length: options.users ?? 3 }, (_, index) => addressOf(draw('user', index))).sort()
  const receipts = Array.from({ length: options.receipts ?? 7 }, (_, index) => {
    const user = users[index % users.length] as Hex
    const request = new TextEncoder().encode(`{"prompt":"${seed} ${index}"}`)
    const response = new TextEncoder().encode(`{"id":"chat-${index}","text":"answer ${toHex(draw('answer', index))}"}`)
    const receipt: InferenceReceipt = {
      requestHash: toHex(sha256(request)),
      responseHash: toHex(sha256(response)),
      modelRoot: model ? MODEL : WORD,
      paramsHash: toHex(draw('params', index)),
      traceRoot: toHex(draw('trace', index)),
      user,
      provider,
      agentId: 0n,
      memoryRoot: WORD,
      promptTokens: 5n,
      completionTokens: 9n,
      fee: options.free ? 0n : 10n ** 15n + BigInt(index) * 7n,
      nonce: BigInt(1 + Math.floor(index / users.length)),
      finishedAt: START * 1_000n + BigInt(index),
      mode: model ? 3 : 1,
    }
    const salt = draw('salt', index)
    return { request, response, receipt, salt, commitment: receiptCommitment(receiptHash(receipt, domain), salt) }
  })
  const active = users.filter((user) => receipts.some(({ receipt }) => receipt.user === user))
  const claimsOf = (user: Hex): ClaimLeaf[] => [
    ...(options.carry ? [{ kind: 'carry' as const, commitment: toHex(draw('carry', user)), amount: 77n }] : []),
    ...receipts
      .filter(({ receipt }) => receipt.user === user)
      .map(({ commitment, receipt }) => ({ kind: 'receipt' as const, commitment, amount: receipt.fee })),
  ]
  const batch = { chainId, provider, users: active.map((user) => ({ user, claims: claimsOf(user) })) }
  const tree = createBatchTree(batch)
  const blob = encodeBatch(batch)

  // Data availability: the blob between two others, its bundle the second of three in its window.
  const da = daMembers(options.daMembers ?? 4, draw)
  const committee = createCommittee({ epoch: DA_EPOCH, id: 0, seed: draw('da'), members: da.map(({ member }) => member) })
  const bundle = buildBundle([{ bytes: draw('before') }, { bytes: blob }, { bytes: draw('behind') }])
  const layout = layoutFor(bundle.length, { committeeRows: committee.rows, rate: '1/4' })
  const encoded = encodePayload(bundle, layout)
  const statement: Statement = {
    commitment: encoded.commitment,
    ...layout,
    payloadBytes: bundle.length,
    epoch: DA_EPOCH,
    committee: 0,
    expiry: START + 1_000_000n,
  }
  const window = [{ ...statement, commitment: draw('w0') }, statement, { ...statement, commitment: draw('w2') }]
  const windowed = createWindow(window, committee, chainId)
  const message = windowMessage(windowed)
  const signedBy = da
    .slice(0, Math.ceil((2 * da.length) / 3))
    .map(({ key }, index) => [index, key.sign(message).toBytes()] as const)
  const certified = certify(windowed, new Map(signedBy), { committee, multisignature: blstMultisignature })
  if (!('certificate' in certified)) throw new Error('the committee did not sign')

  // The state of the settlement's block.
  const lineage = encodeLineage({
    modelRoot: MODEL,
    baseRoot: WORD,
    datasetRoot: toHex(draw('dataset')),
    taskRoot: toHex(draw('task')),
    provider,
    finishedAt: START,
  })
  const settlements = Object.fromEntries(
    tree.users.flatMap(({ user, requestsHash, sum }, index) => {
      const paid = (sum * (options.paidPercent ?? 100n)) / 100n
      const values = [BigInt(requestsHash), BigInt(3 + index), sum | (paid << 128n)]
      const { contract, place: changed, by = 0n } = options.change ?? {}
      if (contract === 'settlement' && changed !== undefined) values[changed] = (values[changed] ?? 0n) + by
      return sum === 0n ? [] : settlementSlots(user, provider).map((slot, place) => [slot, values[place] as bigint])
    }),
  )
  const anchor = [BigInt(toHex(encoded.commitment)), tree.sum | (DA_EPOCH << 128n) | (quorumIdOf(0, 1) << 192n)]
  const entry = [
    BigInt(OWNER) | (START << 160n) | (3n << 224n),
    BigInt(toHex(concatBytes(new TextEncoder().encode('Apache-2.0'), new Uint8Array(22)))),
    5n,
    options.lineage ? BigInt(lineageHash(lineage)) : 0n,
  ]
  const slots: Record<string, Record<Hex, bigint>> = {
    inferenceServing: { [signerSlot(provider)]: BigInt(signer) | (1n << 160n) | (1n << 168n), ...settlements },
    receiptAnchor: Object.fromEntries(
      anchorSlots(provider, tree.batchRoot).map((slot, place) => [slot, anchor[place] as bigint]),
    ),
    modelRegistry: model ? Object.fromEntries(modelSlots(MODEL).map((slot, place) => [slot, entry[place] as bigint])) : {},
  }
  applyChange(slots, options.change)
  const allocation = {
    ...genesisAllocation({
      chainId,
      development: chainId === DEVNET_CHAIN_ID,
      chainOnly: false,
      storage: { owner: OWNER },
      da: { members: da.map(({ member }) => member), seed: draw('da') },
    }),
  }
  const crowd = options.accounts ?? 60
  for (const name of ['inferenceServing', 'receiptAnchor', 'modelRegistry'] as const) {
    const address = trust.contracts[name]
    const account = allocation[address]
    if (account === undefined) throw new Error(`no ${name} in the genesis`)
    const others = Object.fromEntries(
      Array.from({ length: crowd }, (_, index) => [toHex(draw(name, index)), toHex(draw('value', index))]),
    )
    const own = Object.fromEntries(
      Object.entries(slots[name] ?? {}).map(([slot, value]) => [slot, toHex(bigintToBytes(value, 32))]),
    )
    const storage = Object.fromEntries(
      Object.entries<Hex>({ ...account.storage, ...others, ...own }).filter(([, value]) => BigInt(value) !== 0n),
    )
    allocation[address] = { ...account, storage }
  }
  for (let index = 0; index < crowd; index++) allocation[addressOf(draw('account', index))] = { balance: BigInt(index + 1) }
  const executor = createExecutor({ kv: memoryKv(), chainId })
  const genesis = await executor.genesis({ allocation, environment: environment(START) })
  executor.commit(genesis)
  const committeeAccounts = Object.keys(allocation).filter((address) =>
    allocation[address as Hex]?.code?.startsWith(`0x00${toHex(committee.root).slice(2)}`),
  ) as Hex[]
  const firstCode = fromHex(allocation[committeeAccounts[0] as Hex]?.code as Hex)
  const further = Array.from({ length: Math.ceil(da.length / 196) - 1 }, (_, index) =>
    toHex(firstCode.subarray(141 + 20 * index, 161 + 20 * index)),
  )
  const accounts = [committeeAccounts[0] as Hex, ...further]
  const committeeCode = accounts.map((address) => fromHex(allocation[address]?.code as Hex))
  readCommitteeCode(committeeCode)

  // Blocks and validators.
  const chain = (height: bigint, parentHash: Hex, set: SignedSet): { header: Uint8Array; hash: Hex } => {
    const header = encodeHeader({
      ...genesis.header,
      height,
      parentHash,
      extraData: hashOf(set),
      timestampSeconds: START + height,
      // Blocks behind the settlement's have another state.
      ...(parentHash === WORD ? {} : { stateRoot: toHex(draw('state', String(height))) }),
    })
    return { header, hash: toHex(keccak256(header)) }
  }
  const epochSteps = sets.slice(1).map((next, index): EpochStep => {
    const { header, hash } = chain(EPOCH_LENGTH * BigInt(index + 1), WORD, next)
    const certificate = finalize(sets[index] as SignedSet, { chainId, epoch: BigInt(index), blockHash: hash })
    return { header, certificate, next: options.sameSet ? new Uint8Array(0) : encodeValidatorSet(next.validators) }
  })
  const set = sets.at(-1) as SignedSet
  const blocks: { header: Uint8Array; hash: Hex }[] = []
  for (let index = 0; index < headers; index++) {
    blocks.push(chain(EPOCH_LENGTH * BigInt(steps) + BigInt(1 + index), blocks.at(-1)?.hash ?? WORD, set))
  }
  const certificate = finalize(set, { chainId, epoch: BigInt(steps), blockHash: blocks.at(-1)?.hash as Hex })

  const entryOfBlob = parseBundle(bundle)[1] as { offset: number }
  const questionOf = ({ user, modelRoot }: InferenceReceipt, sum: bigint): FactQuestion => {
    return { provider, user, sum, batchRoot: tree.batchRoot, epoch: DA_EPOCH, modelRoot }
  }
  const prove = async (question: FactQuestion) => {
    const plan = factPlan(question, { contracts: trust.contracts, committeeAccounts: accounts })
    const answers: { address: Hex; account: Uint8Array[]; storage: Uint8Array[][] }[] = []
    for (const { address, slots: asked } of plan) {
      const { accountProof, storageProof } = await executor.proof(genesis.header.stateRoot, address, asked)
      const storage = storageProof.map(({ proof }) => proof.map((node) => fromHex(node)))
      answers.push({ address, account: accountProof.map((node) => fromHex(node)), storage })
    }
    return answers
  }
  const proofsByLink: World['proofsByLink'] = async (index) => {
    const { receipt } = receipts[index] as (typeof receipts)[number]
    const sum = tree.users.find(({ user }) => user === receipt.user)?.sum as bigint
    const [serving, anchored, ...others] = await prove(questionOf(receipt, sum))
    const hashes = (...proofs: (readonly Uint8Array[] | undefined)[]) =>
      new Set(proofs.flatMap((nodes) => nodes ?? []).map((node) => toHex(keccak256(node))))
    return new Map<LinkName, Set<Hex>>([
      ['signer-registered', hashes(serving?.account, serving?.storage[0])],
      ['settlement', hashes(serving?.account, ...(serving?.storage.slice(1) ?? []))],
      ['data-availability', hashes(anchored?.account, ...(anchored?.storage ?? []))],
      ['da-committee', hashes(...others.slice(0, 1 + accounts.length).flatMap(({ account, storage }) => [account, ...storage]))],
      ['model', hashes(...others.slice(1 + accounts.length).flatMap(({ account, storage }) => [account, ...storage]))],
    ])
  }
  const evidence: World['evidence'] = async (index, full = false) => {
    const answered = receipts[index] as (typeof receipts)[number]
    const { receipt, salt, commitment } = answered
    const { batch: claimed, userOffset, claimIndex } = findClaim(blob, { user: receipt.user, commitment })
    const place = { blobIndex: 1, blobOffset: entryOfBlob.offset, userOffset, claimIndex }
    const question = questionOf(receipt, claimed.sum)
    const proofs = (await prove(question)).flatMap(({ account, storage }) => [account, ...storage])
    return {
      chainId,
      ...(full ? { answer: { request: answered.request, response: answered.response } } : {}),
      receipt: { signed: { receipt, signature: signReceipt(receipt, { domain, privateKey: signerKey }) }, salt, signer },
      batch: claimed,
      availability: {
        ...statement,
        blobIndex: 1,
        windowIndex: 1,
        windowPath: windowPath(
          window.map((each) => hashStatement(each, chainId)),
          1,
        ),
        certificate: encodeDaCertificate(certified.certificate),
        userOffset,
        rows: rowsOf(claimRanges(place), layout).map((row) => encoded.standaloneProof(row)),
      },
      committeeCode,
      facts: packNodes(proofs),
      block: { headers: blocks.map(({ header }) => header), certificate },
      validators: { trusted: encodeValidatorSet((sets[0] as SignedSet).validators), steps: epochSteps },
      lineage: options.lineage ? lineage : new Uint8Array(0),
    }
  }
  const material: World['material'] = async () => {
    const proofs = await Promise.all(
      receipts.map(({ receipt }) => {
        const sum = tree.users.find(({ user }) => user === receipt.user)?.sum as bigint
        return prove(questionOf(receipt, sum))
      }),
    )
    const ranges = batchRanges(1, { offset: entryOfBlob.offset, lengthBytes: blob.length })
    const { availability, block, validators } = await evidence(0)
    const { userOffset: _, rows: __, ...part } = availability
    return {
      chainId,
      epochLength: EPOCH_LENGTH,
      certified: part,
      rows: rowsOf(ranges, layout).map((row) => encoded.standaloneProof(row)),
      committeeCode,
      nodes: packNodes(proofs.flat().flatMap(({ account, storage }) => [account, ...storage])),
      block,
      validators,
    }
  }
  const word = (value: bigint | undefined): Hex => toHex(bigintToBytes(value ?? 0n, 32))
  const chainFacts: World['chainFacts'] = () => {
    const settled = (user: Hex) => settlementSlots(user, provider).map((slot) => word(settlements[slot])) as [Hex, Hex, Hex]
    return {
      anchor: anchor.map(word) as [Hex, Hex],
      settlements: new Map(active.map((user) => [user, settled(user)])),
    }
  }
  const bytes: World['bytes'] = async (index, full) => encodeEvidence(await evidence(index, full))
  return { trust, blob, rlc: encoded.rlc, evidence, bytes, material, proofsByLink, chainFacts }
}

function applyChange(slots: Record<string, Record<Hex, bigint>>, change: WorldOptions['change']): void {
  if (change === undefined) return
  for (const [contract, words] of Object.entries(slots)) {
    if (change.contract === 'empty') slots[contract] = {}
    const first = Object.keys(words)[0] as Hex | undefined
    if (change.contract === contract && first !== undefined) words[first] = (words[first] ?? 0n) + change.by
  }
}

type SignedSet = { readonly validators: readonly Validator[]; readonly keys: readonly SecretKey[] }
type Draw = (...parts: (string | number)[]) => Uint8Array

function validatorsOf(count: number, epoch: number, draw: Draw): SignedSet {
  const keys = Array.from({ length: count }, (_, index) => SecretKey.fromKeygen(draw('validator', epoch, index)))
  return {
    keys,
    validators: keys.map((key, index) => ({ publicKey: key.toPublicKey().toBytes(), stake: BigInt(1 + (index % 3)) })),
  }
}

function hashOf({ validators }: SignedSet): Hex {
  return toHex(validatorSetHash(validators, sha256))
}

/** A finalize certificate by all but the first of a set of four or more. */
function finalize({ validators, keys }: SignedSet, vote: { chainId: bigint; epoch: bigint; blockHash: Hex }): Uint8Array {
  const context = { chainId: vote.chainId, epoch: vote.epoch }
  const ballot = { kind: 'finalize', view: 5, parentView: 4, blockHash: vote.blockHash } as const
  const signers = validators.map((_, index) => index).slice(validators.length > 3 ? 1 : 0)
  const signatures = signers.map((signer) => (keys[signer] as SecretKey).sign(voteMessage(context, ballot)).toBytes())
  const signature = aggregateSignatures(signatures.map((each) => Signature.fromBytes(each))).toBytes()
  return encodeCertificate(context, { ballot, signers, signature }, validators.length)
}

function daMembers(count: number, draw: Draw): { readonly member: Member; readonly key: SecretKey }[] {
  return Array.from({ length: count }, (_, index) => {
    const key = SecretKey.fromKeygen(draw('member', index))
    const member = {
      address: addressOf(draw('member address', index)),
      stake: 3n,
      key: key.toPublicKey().toBytes(false),
      socket: `m${index}:1`,
    }
    return { key, member }
  })
}

function addressOf(bytes: Uint8Array): Hex {
  return toHex(bytes.subarray(0, 20))
}

function environment(timestampSeconds: bigint) {
  const header = {
    height: 0n,
    parentHash: WORD,
    timestampSeconds,
    gasLimit: 60_000_000n,
    baseFeePerGas: 10n ** 9n,
    beneficiary: OWNER,
  }
  return { ...header, prevRandao: WORD, extraData: WORD } satisfies Partial<Header>
}
