import { Hardfork } from '@ethereumjs/common'
import {
  type EVM,
  type EVMBLSInterface,
  EVMError,
  type EVMResult,
  type EVMRunCallOpts,
  type Message,
  NobleBN254,
} from '@ethereumjs/evm'
import { Address } from '@ethereumjs/util'
import { assert, fromHex, type Hex, toHex } from '@zerog/primitives'
import { createAddress, createAddress2 } from '../codec/transaction.ts'
import type { AccessListItem, BlockEnvironment } from '../executor.ts'
import { rulesOf } from '../interpreter/rules.ts'
import { TURN_MS } from '../limits.ts'
import { createStateManager } from '../state/state-manager.ts'
import { createWorldState, stateKey } from '../state/world-state.ts'
import { historicHash } from './block-hash.ts'
import { chainBls, isBlsLoaded, isBlsPrecompile, loadBls } from './bls.ts'
import { createChainCommon } from './common.ts'
import type { Engine, EngineMessage, EngineOptions, Ran } from './engine.ts'
import { errorText } from './error-text.ts'
import { attach } from './ethereumjs-hooks.ts'
import { PragueEvm } from './prague-evm.ts'

/** The interpreter of @ethereumjs/evm: the oracle that our own is compared with. */
export function createEthereumjsEngine({ fork, chainId, store, blockHash }: EngineOptions): Engine {
  const common = createChainCommon(chainId, fork === 'prague' ? Hardfork.Prague : Hardfork.Cancun)
  const state = createWorldState(store)
  let environment: BlockEnvironment | undefined
  const evm = new ChainEvm({
    common,
    stateManager: createStateManager(state),
    bn254: new NobleBN254(),
    bls: libraryBls,
    blockchain: {
      getBlock: async (height) => {
        const known = (): Uint8Array => (environment === undefined ? ZERO_HASH : historicHash(state, environment, BigInt(height)))
        return { hash: () => blockHash?.(BigInt(height)) ?? known() }
      },
      putBlock: async () => undefined,
      shallowCopy() {
        return this
      },
    },
  })
  return {
    name: 'ethereumjs',
    rules: rulesOf(fork),
    state,
    open: (stateRoot, next, signal) => {
      state.open(stateRoot)
      environment = next
      evm.signal = signal
    },
    turn: () => evm.turn(),
    isPrecompile: (address) => evm.precompiles.has(address.slice(2)),
    run: (message) => {
      assert(environment !== undefined, 'a state was opened')
      return run(evm, message, environment)
    },
    listen: (hooks) => attach({ evm, state }, hooks),
  }
}

async function run(evm: ChainEvm, message: EngineMessage, environment: BlockEnvironment): Promise<Ran> {
  const { from, to, value, data, gas, gasPrice } = message
  warm(evm, message, environment)
  const { execResult: ran } = await evm.runCall({
    block: toEngineBlock(environment, message.baseFeePerGas),
    caller: toAddress(from),
    gasPrice,
    gasLimit: gas,
    ...(to !== null && { to: toAddress(to) }),
    value,
    data,
    skipNonceIncrement: true,
    ...(message.blobHashes !== undefined && { blobVersionedHashes: [...message.blobHashes] }),
  })
  evm.transientStorage.clear()
  const accesses = reportedAccesses(evm)
  await evm.journal.cleanup()
  const destroyed: string[] = []
  for (const address of ran.selfdestruct?.keys() ?? []) {
    if (ran.createdAddresses?.has(address) === true) destroyed.push(stateKey(address))
  }
  return {
    gasUsed: ran.executionGasUsed,
    refund: ran.gasRefund ?? 0n,
    output: ran.returnValue,
    error: errorText(ran, data.length),
    logs: (ran.logs ?? []).map(([address, topics, body]) => ({
      address: toHex(address),
      topics: topics.map((topic) => toHex(topic)),
      data: toHex(body),
    })),
    destroyed,
    accesses,
  }
}

/** EIP-2929, 2930, 3651: what is warm before the first opcode. */
function warm({ precompiles, journal }: ChainEvm, message: EngineMessage, { beneficiary }: BlockEnvironment): void {
  const { from, to, accessList, authorities } = message
  if (message.reportsAccesses) journal.startReportingAccessList()
  for (const address of precompiles.keys()) journal.addAlwaysWarmAddress(address)
  for (const address of [from, beneficiary, ...authorities]) journal.addAlwaysWarmAddress(address)
  if (to !== null) journal.addAlwaysWarmAddress(to)
  for (const { address, storageKeys } of accessList) {
    journal.addAlwaysWarmAddress(address.toLowerCase(), true)
    for (const key of storageKeys) journal.addAlwaysWarmSlot(address.toLowerCase(), key.toLowerCase(), true)
  }
}

function reportedAccesses({ journal }: ChainEvm): AccessListItem[] {
  return [...(journal.accessList ?? [])].map(([address, slots]) => ({
    address: `0x${address}`,
    storageKeys: [...slots].map((slot): Hex => `0x${slot}`),
  }))
}

/** A precompile or a contract loop gives the event loop its turn and hears an abort here. */
export class ChainEvm extends PragueEvm {
  signal: AbortSignal | undefined
  #turnStartedMs = performance.now()
  #jumps = 0

  constructor(options: ConstructorParameters<typeof EVM>[0]) {
    super(options)
    // Code cannot loop without JUMPDEST, so counting there bounds the time between two turns.
    const jumpdest = this._opcodeMap[0x5b]
    if (jumpdest === undefined) throw new Error('the interpreter has no JUMPDEST')
    this._opcodeMap[0x5b] = {
      ...jumpdest,
      opcodeInfo: { ...jumpdest.opcodeInfo, isAsync: true },
      opHandler: () => ((++this.#jumps & 255) === 0 && this.#due() ? this.turn() : undefined),
    } as typeof jumpdest
  }

  /** Lets timers and sockets run if it is time; throws the signal's reason if the caller gave up. */
  async turn(): Promise<void> {
    if (!this.#due()) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#turnStartedMs = performance.now()
    this.signal?.throwIfAborted()
  }

  override async runCall(options: EVMRunCallOpts): Promise<EVMResult> {
    if (this.#due()) await this.turn()
    if (!isBlsLoaded()) {
      const { message } = options
      // A creation has no code address, and says so by throwing.
      const target = message === undefined ? options.to : message.to && message.codeAddress
      if (target !== undefined && isBlsPrecompile(target.bytes)) await loadBls()
    }
    return super.runCall(options)
  }

  // The library's own goes through a slower Keccak.
  protected override async _generateAddress(message: Message): Promise<Address> {
    const caller = message.caller.bytes
    if (message.salt !== undefined) return new Address(createAddress2(caller, message.salt, message.code as Uint8Array))
    const account = await this.stateManager.getAccount(message.caller)
    return new Address(createAddress(caller, (account?.nonce ?? 0n) - 1n))
  }

  #due(): boolean {
    return performance.now() - this.#turnStartedMs > TURN_MS
  }
}

/** Our curve in the library's form: it knows its own kind of error only. */
const libraryBls = Object.fromEntries(
  Object.entries(chainBls).map(([name, operate]) => [
    name,
    (input: Uint8Array) => {
      try {
        return operate(input)
      } catch {
        throw new EVMError(EVMError.errorMessages.BLS_12_381_POINT_NOT_ON_CURVE)
      }
    },
  ]),
) as unknown as EVMBLSInterface // the same names

const ZERO_HASH = new Uint8Array(32)

/** The block as the interpreter reads it. */
type EngineBlock = NonNullable<EVMRunCallOpts['block']>

function toEngineBlock(environment: BlockEnvironment, baseFeePerGas: bigint): EngineBlock {
  return {
    header: {
      number: environment.height,
      coinbase: toAddress(environment.beneficiary),
      timestamp: environment.timestampSeconds,
      difficulty: 0n,
      prevRandao: fromHex(environment.prevRandao, 32),
      gasLimit: environment.gasLimit,
      baseFeePerGas,
      slotNumber: 0n,
      getBlobGasPrice: () => environment.blobBaseFee ?? 1n,
    },
  } as EngineBlock
}

function toAddress(hex: Hex): Address {
  return new Address(fromHex(hex, 20))
}
