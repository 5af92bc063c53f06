import { EVM, type EVMResult, type ExecResult, type Message } from '@ethereumjs/evm'

/**
 * `@ethereumjs/evm` (10.1.3) with two corrections, because it is what our execution is compared with and a difference has to be ours:
 *
 * - Init code that begins with 0xef00 runs: EIP-3541 forbids to deploy such code, not to run it. The library's CREATE and CREATE2
 *   answer 0 for free, as EOF would have had it.
 * - A creation that fails keeps what it returned and the gas that it left. The library takes the data of a revert for code, and
 *   where that begins with 0xef, all gas (EIP-3541 again).
 */
export class PragueEvm extends EVM {
  /** What failed creations returned, while the library's checks of new code see nothing. */
  readonly #returned = new WeakMap<Uint8Array, Uint8Array>()

  constructor(options: ConstructorParameters<typeof EVM>[0]) {
    super(options)
    for (const [opcode, isSalted] of [
      [0xf0, false],
      [0xf5, true],
    ] as const) {
      const create = this._opcodeMap[opcode]
      if (create === undefined) throw new Error('the interpreter has no CREATE or CREATE2')
      this._opcodeMap[opcode] = { ...create, opHandler: runningAllCode(create.opHandler, isSalted) } as typeof create
    }
  }

  protected override async runInterpreter(...given: Parameters<EVM['runInterpreter']>): Promise<ExecResult> {
    const [message] = given
    const result = await super.runInterpreter(...given)
    if (message.isCreate !== true || result.exceptionError === undefined || result.returnValue[0] !== 0xef) return result
    const nothing = new Uint8Array(0)
    this.#returned.set(nothing, result.returnValue)
    return { ...result, returnValue: nothing }
  }

  protected override async _executeCreate(message: Message): Promise<EVMResult> {
    const result = await super._executeCreate(message)
    const returned = this.#returned.get(result.execResult.returnValue)
    return returned === undefined ? result : { ...result, execResult: { ...result.execResult, returnValue: returned } }
  }
}

type OpHandler = EVM['_opcodeMap'][number]['opHandler']

function runningAllCode(create: OpHandler, isSalted: boolean): OpHandler {
  const handler: OpHandler = async (state, common) => {
    const [, offset = 0n, length = 0n] = state.stack.peek(3)
    const isEof = length >= 2n && isMagic(state.memory.read(Number(offset), 2))
    const isRefused = state.interpreter.isStatic() || length > BigInt(common.param('maxInitCodeSize'))
    if (!isEof || isRefused) return create(state, common)
    const [value = 0n, , , salt = 0n] = state.stack.popN(isSalted ? 4 : 3)
    const gas = state.messageGasLimit as bigint // set by the function for its gas
    delete state.messageGasLimit
    const code = state.memory.read(Number(offset), Number(length), true)
    const { interpreter } = state
    state.stack.push(
      await (isSalted ? interpreter.create2(gas, value, code, wordOf(salt)) : interpreter.create(gas, value, code)),
    )
  }
  return handler
}

function isMagic(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0x00
}

function wordOf(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
}
