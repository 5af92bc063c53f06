import { createBlock } from '@ethereumjs/block'
import { type Common, createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { type EVM, type EVMResult, type EVMRunCallOpts, NobleBLS, NobleBN254 } from '@ethereumjs/evm'
import { createMPT } from '@ethereumjs/mpt'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP, type TypedTransaction } from '@ethereumjs/tx'
import { Account, createAddressFromString, type DB, type KZG, ValueEncoding } from '@ethereumjs/util'
import { createVM, type RunTxResult, runBlock, runTx } from '@ethereumjs/vm'
import { assert, bytesToBigint, fromHex, type Hex, toHex } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { recoverPublicKey } from '../codec/signature.ts'
import { PragueEvm } from '../engine/prague-evm.ts'
import type { BlockEnvironment, GenesisAllocation, Log, StateOverrides } from '../executor.ts'
import { TURN_MS } from '../limits.ts'
import { type OracleFrame, watchFrames } from './frames.ts'

/** Where the oracle's trie keeps its nodes and codes; keys are hexadecimal. Asynchronous, because the library's is. */
export type OracleDb = DB<string, Uint8Array>

export type OracleOptions = {
  readonly chainId: bigint
  readonly db: OracleDb
  /** Hash of an ancestor that BLOCKHASH asks for. */
  readonly blockHash: (height: bigint) => Hex | undefined
  /**
   * `shared`: Keccak-256 and the recovery of senders by the same two libraries as the chain's own, which makes the oracle three
   * times as fast. `portable`: by the ones that @ethereumjs brings along.
   */
  readonly crypto?: 'shared' | 'portable'
  /** Who evaluates points (EIP-4844). Default: c-kzg, which takes ten seconds to load when it is first needed. */
  readonly verifyPoint?: VerifyPoint
}

/** Arguments are hexadecimal: commitment, z, y, proof. Throws for what is no point or no scalar. */
export type VerifyPoint = KZG['verifyProof']

/** What became of one transaction. */
export type OracleOutcome = { readonly refused: string } | OracleResult

export type OracleResult = {
  readonly status: 0 | 1
  readonly gasUsed: bigint
  /** The counter at the end, before it is capped. */
  readonly gasRefund: bigint
  readonly output: Uint8Array
  /** The library's text. */
  readonly error: string | undefined
  readonly logs: readonly Log[]
  readonly contractAddress: Hex | undefined
}

export type OracleBlock = {
  readonly results: readonly OracleResult[]
  readonly stateRoot: Hex
  readonly receiptsRoot: Hex
  readonly logsBloom: Hex
  readonly gasUsed: bigint
}

export type Oracle = Awaited<ReturnType<typeof createOracle>>

/**
 * `@ethereumjs/vm` on its own Merkle-Patricia trie: decodes, recovers, executes and hashes without any of our code (but for the two
 * hash and curve libraries, see `crypto`). One execution at a time.
 */
export async function createOracle({ chainId, db, blockHash, crypto = 'shared', verifyPoint }: OracleOptions) {
  const common = createOracleCommon(chainId, crypto, verifyPoint ?? verifyByKzg)
  const trie = await createMPT({ db: db as never, useKeyHashing: true, common, valueEncoding: ValueEncoding.Bytes })
  const state = new MerkleStateManager({ common, trie, caches: new Caches() })
  const blockchain = {
    getBlock: async (height: number) => {
      const hash = fromHex(blockHash(BigInt(height)) ?? ZERO_HASH)
      return { hash: () => hash }
    },
    putBlock: async () => undefined,
    shallowCopy: () => blockchain,
  }
  const evm = new OracleEvm({
    common,
    stateManager: state,
    blockchain: blockchain as never,
    bn254: new NobleBN254(),
    bls: new NobleBLS(),
    ownPoints: verifyPoint === undefined,
  })
  const vm = await createVM({ common, stateManager: state, blockchain: blockchain as never, evm })
  // The library awaits without ever yielding: sockets and timers get their turn between two transactions.
  vm.events.on('afterTx', (_result, done) => {
    if (due()) setImmediate(() => done?.())
    else done?.()
  })

  const put = async (name: string, fields: StateOverrides[Hex]): Promise<void> => {
    const address = createAddressFromString(name.toLowerCase() as Hex)
    const account = (await state.getAccount(address)) ?? new Account()
    account.balance = fields.balance ?? account.balance
    account.nonce = fields.nonce ?? account.nonce
    await state.putAccount(address, account)
    if (fields.code !== undefined) await state.putCode(address, fromHex(fields.code))
    if (fields.state !== undefined) await state.clearStorage(address)
    for (const [slot, value] of Object.entries(fields.state ?? fields.stateDiff ?? {})) {
      await state.putStorage(address, fromHex(slot as Hex, 32), stripped(fromHex(value)))
    }
  }
  const edit = async (changes: StateOverrides): Promise<Hex> => {
    await state.checkpoint()
    for (const [name, fields] of Object.entries(changes)) await put(name, fields)
    await state.commit()
    return toHex(await state.getStateRoot())
  }
  const rootAt = async (root: Hex): Promise<void> => state.setStateRoot(fromHex(root, 32))
  const toBlock = (environment: BlockEnvironment, transactions: readonly TypedTransaction[]) =>
    createBlock({ header: headerOf(environment), transactions: [...transactions], withdrawals: [] }, blockOptions(common))
  /** Its own runBlock with EIP-4788 and EIP-2935 at the start; header and body rules are somebody else's business. */
  const run = (environment: BlockEnvironment, transactions: readonly TypedTransaction[]) =>
    runBlock(vm, {
      block: toBlock(environment, transactions),
      generate: true,
      skipBlockValidation: true,
      skipHeaderValidation: true,
    })

  return {
    genesis: async (allocation: GenesisAllocation): Promise<Hex> => {
      await rootAt(EMPTY_ROOT)
      return edit(
        Object.fromEntries(
          Object.entries(allocation).map(([name, { storage, code, ...rest }]) => [
            name,
            { ...rest, ...(code !== undefined && code !== '0x' && { code }), ...(storage && { stateDiff: storage }) },
          ]),
        ),
      )
    },
    /** Whether the state with this root is here. */
    has: (root: Hex): Promise<boolean> => state.hasStateRoot(fromHex(root, 32)),
    /** Executes a whole block. Throws if a transaction cannot stand in it. */
    block: async (root: Hex, environment: BlockEnvironment, raw: readonly Uint8Array[]): Promise<OracleBlock> => {
      await rootAt(root)
      const transactions = raw.map((bytes) => createTxFromRLP(bytes, { common }))
      const ran = await run(environment, transactions)
      return {
        results: ran.results.map(toResult),
        stateRoot: toHex(ran.stateRoot),
        receiptsRoot: toHex(ran.receiptsRoot),
        logsBloom: toHex(ran.logsBloom),
        gasUsed: ran.gasUsed,
      }
    },
    /** Opens a block whose transactions come one by one, so that each may be refused. */
    open: async (root: Hex, environment: BlockEnvironment) => {
      await rootAt(root)
      await run(environment, [])
      // Held open, or the library would write its caches into the trie after each transaction.
      await state.checkpoint()
      const block = toBlock(environment, [])
      return {
        nonceOf: async (address: Hex): Promise<bigint> => (await state.getAccount(createAddressFromString(address)))?.nonce ?? 0n,
        execute: async (raw: Uint8Array, frames?: OracleFrame[]): Promise<OracleOutcome> => {
          const stop = frames && watchFrames(vm.evm, frames)
          try {
            const tx = createTxFromRLP(raw, { common })
            return toResult(await runTx(vm, { tx, block, skipHardForkValidation: true }))
          } catch (error) {
            return { refused: error instanceof Error ? error.message : String(error) }
          } finally {
            stop?.()
          }
        },
        seal: async (): Promise<Hex> => {
          await state.commit()
          return toHex(await state.getStateRoot())
        },
      }
    },
  }
}

let turnMs = performance.now()

function due(): boolean {
  const nowMs = performance.now()
  if (nowMs - turnMs < TURN_MS) return false
  turnMs = nowMs
  return true
}

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
/** keccak256(rlp("")). */
const EMPTY_ROOT: Hex = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

let kzg: KZG | undefined

/** Compiles c-kzg and loads the ceremony's setup, once per process. */
async function loadKzg(): Promise<void> {
  if (kzg !== undefined) return
  const { loadKZG } = await import('kzg-wasm')
  kzg = (await loadKZG()) as unknown as KZG // its own copy of the same interface
}

const verifyByKzg: VerifyPoint = (...args) => {
  assert(kzg !== undefined, 'c-kzg is loaded before the precompile runs')
  return kzg.verifyProof(...args)
}

/** Loads what only the point evaluation needs when a message goes to it. */
class OracleEvm extends PragueEvm {
  readonly #ownPoints: boolean

  constructor({ ownPoints, ...options }: ConstructorParameters<typeof EVM>[0] & { readonly ownPoints: boolean }) {
    super(options)
    this.#ownPoints = ownPoints
  }

  override async runCall(options: EVMRunCallOpts): Promise<EVMResult> {
    if (this.#ownPoints && kzg === undefined) {
      const { message } = options
      // A creation has no code address, and says so by throwing.
      const target = message === undefined ? options.to : message.to && message.codeAddress
      if (target?.toString() === POINT_EVALUATION) await loadKzg()
    }
    return super.runCall(options)
  }
}

const POINT_EVALUATION = '0x000000000000000000000000000000000000000a'

function createOracleCommon(chainId: bigint, crypto: 'shared' | 'portable', verifyProof: VerifyPoint): Common {
  return createCustomCommon({ chainId: Number(chainId), name: 'oracle' }, Mainnet, {
    hardfork: Hardfork.Prague,
    customCrypto: {
      kzg: { verifyProof } as KZG, // nothing else is called
      ...(crypto === 'shared' && {
        keccak256,
        ecrecover: (message: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array, signedFor?: bigint) => {
          const signature = new Uint8Array(64)
          signature.set(r, 32 - r.length)
          signature.set(s, 64 - s.length)
          const parity = v < 2n ? v : signedFor === undefined ? v - 27n : v - (signedFor * 2n + 35n)
          if (parity !== 0n && parity !== 1n) throw new RangeError('Invalid signature v value')
          return recoverPublicKey(message, signature, Number(parity))
        },
      }),
    },
  })
}

const blockOptions = (common: Common) => ({ common, skipConsensusFormatValidation: true }) as const

function headerOf(environment: BlockEnvironment) {
  return {
    parentHash: environment.parentHash,
    number: environment.height,
    timestamp: environment.timestampSeconds,
    gasLimit: environment.gasLimit,
    baseFeePerGas: environment.baseFeePerGas,
    coinbase: environment.beneficiary,
    mixHash: environment.prevRandao,
    extraData: environment.extraData,
    parentBeaconBlockRoot: environment.parentHash,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
  }
}

function toResult(result: RunTxResult): OracleResult {
  const { execResult, createdAddress } = result
  return {
    status: execResult.exceptionError === undefined ? 1 : 0,
    gasUsed: result.totalGasSpent,
    gasRefund: execResult.gasRefund ?? 0n,
    output: execResult.returnValue,
    error: execResult.exceptionError?.error,
    logs: (execResult.logs ?? []).map(([address, topics, data]) => ({
      address: toHex(address),
      topics: topics.map((topic) => toHex(topic)),
      data: toHex(data),
    })),
    contractAddress: createdAddress === undefined ? undefined : (createdAddress.toString() as Hex),
  }
}

/** The library stores what it is given, and storage knows no leading zeros. */
function stripped(value: Uint8Array): Uint8Array {
  const number = bytesToBigint(value)
  if (number === 0n) return new Uint8Array(0)
  const hex = number.toString(16)
  return fromHex(`0x${hex.length % 2 === 1 ? '0' : ''}${hex}`)
}
