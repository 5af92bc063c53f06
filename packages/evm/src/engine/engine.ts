import type { Common } from '@ethereumjs/common'
import { EVM, type EVMResult, type EVMRunCallOpts, type Message, NobleBN254 } from '@ethereumjs/evm'
import { Address } from '@ethereumjs/util'
import { bigintToBytes, fromHex, type Hex } from '@zerog/primitives'
import { createAddress, createAddress2 } from '../codec/transaction.ts'
import type { BlockEnvironment } from '../executor.ts'
import { TURN_MS } from '../limits.ts'
import { latin1, type NodeStore } from '../state/node-store.ts'
import { createStateManager } from '../state/state-manager.ts'
import { createWorldState, stateKey, type WorldState } from '../state/world-state.ts'
import { chainBls, isBlsLoaded, isBlsPrecompile, loadBls } from './bls.ts'
import { HISTORY_ADDRESS, HISTORY_WINDOW } from './system-contracts.ts'

/** One interpreter with one state; runs one message at a time. After an abort it is thrown away. */
export type Engine = {
  readonly evm: ChainEvm
  readonly state: WorldState
  readonly block: () => EngineBlock
  /** Opens a state and a block environment for the next messages. */
  readonly open: (stateRoot: Uint8Array, environment: BlockEnvironment, signal?: AbortSignal) => void
}

/** The block as the interpreter reads it. */
export type EngineBlock = NonNullable<EVMRunCallOpts['block']>

export function createEngine({ common, store }: { readonly common: Common; readonly store: NodeStore }): Engine {
  const state = createWorldState(store)
  let environment: BlockEnvironment | undefined
  let block: EngineBlock | undefined
  const evm = new ChainEvm({
    common,
    stateManager: createStateManager(state),
    bn254: new NobleBN254(),
    bls: chainBls,
    blockchain: {
      getBlock: async (height) => {
        const hash = environment === undefined ? ZERO_HASH : blockHash(state, environment, BigInt(height))
        return { hash: () => hash }
      },
      putBlock: async () => undefined,
      shallowCopy() {
        return this
      },
    },
  })
  return {
    evm,
    state,
    block: () => block as EngineBlock,
    open: (stateRoot, next, signal) => {
      state.open(stateRoot)
      environment = next
      block = toEngineBlock(next)
      evm.signal = signal
    },
  }
}

/** A precompile or a contract loop gives the event loop its turn and hears an abort here. */
export class ChainEvm extends EVM {
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

const ZERO_HASH = new Uint8Array(32)

/** BLOCKHASH: the parent's from the environment, older ones from the EIP-2935 contract of the state itself. */
function blockHash(state: WorldState, environment: BlockEnvironment, height: bigint): Uint8Array {
  if (height === environment.height - 1n) return fromHex(environment.parentHash, 32)
  const slot = latin1(bigintToBytes(height % HISTORY_WINDOW, 32))
  const value = state.storage(stateKey(HISTORY_ADDRESS), slot)
  const hash = new Uint8Array(32)
  hash.set(value, 32 - value.length)
  return hash
}

function toEngineBlock(environment: BlockEnvironment): EngineBlock {
  return {
    header: {
      number: environment.height,
      coinbase: toAddress(environment.beneficiary),
      timestamp: environment.timestampSeconds,
      difficulty: 0n,
      prevRandao: fromHex(environment.prevRandao, 32),
      gasLimit: environment.gasLimit,
      baseFeePerGas: environment.baseFeePerGas,
      slotNumber: 0n,
      // EIP-4844 with no excess: the minimum of 1 wei.
      getBlobGasPrice: () => 1n,
    },
  } as EngineBlock
}

export function toAddress(hex: Hex): Address {
  return new Address(fromHex(hex, 20))
}
