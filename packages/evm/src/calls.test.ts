import { describe, expect, test } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { fromHex, type Hex } from '@zerog/primitives'
import { decodeTransaction } from './codec/transaction.ts'
import { verifyKzgProof } from './engine/kzg.ts'
import { address, at, CHAIN_ID, contract, GWEI, key, signed, testChain } from './test-chain.ts'

const INFINITY: Hex = `0xc0${'00'.repeat(47)}`

describe('errors have the words of geth', () => {
  const revertReason = `08c379a0${'20'.padStart(64, '0')}${'2'.padStart(64, '0')}${Buffer.from('no').toString('hex').padEnd(64, '0')}`
  const cases: readonly [name: string, code: string, error: string | undefined][] = [
    ['stop', '00', undefined],
    ['revert', '5f5ffd', 'execution reverted'],
    ['invalid', 'fe', 'invalid opcode: INVALID'],
    ['undefined opcode', '0c', 'invalid opcode: opcode 0xc not defined'],
    ['underflow', '01', 'stack underflow (0 <=> 2)'],
    ['underflow with one item', '600101', 'stack underflow (1 <=> 2)'],
    ['overflow', '5f'.repeat(1025), 'stack limit reached 1024 (1023)'],
    ['jump', '5f56', 'invalid jump destination'],
    ['out of gas', '5b5f56', 'out of gas'],
    ['return data', '60015f5f3e', 'return data out of bounds'],
  ]
  test.each(cases)('%s', async (_name, code, error) => {
    const chain = await testChain({ [at(1)]: contract(code) })
    const { stateRoot } = chain.genesis.header
    const outcome = await chain.executor.call(stateRoot, chain.next(), { to: at(1), gas: 100_000n })
    expect(outcome.error).toBe(error)
    if (error !== undefined && error !== 'execution reverted') expect(outcome.gasUsed).toBe(100_000n)
  })

  test('a write in a static call, and revert data', async () => {
    const staticWrite = `5f5f5f5f73${at(2).slice(2)}5afa5f5260205ff3`
    const chain = await testChain({
      [at(1)]: contract(staticWrite),
      [at(2)]: contract('60016001555b00'),
      [at(3)]: contract(
        `7f${revertReason.slice(0, 64)}5f527f${revertReason.slice(64, 128)}6020527f${revertReason.slice(128, 192)}604052606460006000fd`.replace(
          '606460006000fd',
          '60645ffd',
        ),
      ),
    })
    const { stateRoot } = chain.genesis.header
    const outcome = await chain.executor.call(stateRoot, chain.next(), { to: at(1) })
    expect(BigInt(outcome.output)).toBe(0n)
    const reverted = await chain.executor.call(stateRoot, chain.next(), { to: at(3) })
    expect(reverted.error).toBe('execution reverted')
    expect(reverted.output.slice(0, 10)).toBe('0x08c379a0')
  })

  test('what cannot start is refused with the reason', async () => {
    const chain = await testChain()
    const { stateRoot } = chain.genesis.header
    const call = (request: object) => chain.executor.call(stateRoot, chain.next(), request)
    await expect(call({ from: at(5), to: at(1), value: 1n })).rejects.toMatchObject({
      reason: 'TRANSACTION_REFUSED',
      message: `insufficient funds for gas * price + value: address ${at(5)} have 0 want 1`,
    })
    await expect(call({ to: at(1), gas: 20_999n })).rejects.toThrow('intrinsic gas too low: have 20999, want 21000')
    await expect(call({ data: `0x${'00'.repeat(49_153)}` })).rejects.toThrow(
      'max initcode size exceeded: code size 49153 limit 49152',
    )
    await expect(call({ from: address(0), to: at(1), maxFeePerGas: 1n })).rejects.toThrow(
      'max fee per gas less than block base fee',
    )
  })
})

describe('calls', () => {
  test('an endless loop leaves the event loop alive and ends with its signal', async () => {
    const chain = await testChain({ [at(1)]: contract('5b5f56') })
    const { stateRoot } = chain.genesis.header
    const stop = new AbortController()
    let turns = 0
    const turn = () => {
      turns += 1
      if (turns === 5) stop.abort(new Error('enough'))
      else if (turns < 5) setImmediate(turn)
    }
    setImmediate(turn)
    const options = { signal: stop.signal, blockOverrides: { gasLimit: 10n ** 15n } }
    await expect(chain.executor.call(stateRoot, chain.next(), { to: at(1) }, options)).rejects.toThrow('enough')
    expect(turns).toBe(5)
    // The engine that was interrupted is not used again.
    expect((await chain.executor.call(stateRoot, chain.next(), { to: at(2) })).error).toBeUndefined()
  })

  test('state and block overrides hold for one call only', async () => {
    const chain = await testChain({ [at(1)]: contract('5f545f524360205260405ff3') })
    const { stateRoot } = chain.genesis.header
    const slot: Hex = `0x${'0'.repeat(64)}`
    const value: Hex = `0x${'7'.padStart(64, '0')}`
    const overrides = { stateOverrides: { [at(1)]: { state: { [slot]: value } } }, blockOverrides: { height: 99n } }
    const changed = await chain.executor.call(stateRoot, chain.next(), { to: at(1) }, overrides)
    expect(changed.output).toBe(`${value}${(99).toString(16).padStart(64, '0')}`)
    const plain = await chain.executor.call(stateRoot, chain.next(), { to: at(1) })
    expect(plain.output).toBe(`${slot}${'1'.padStart(64, '0')}`)
  })

  test('an access list names what is touched beside sender, target and precompiles, and is stable', async () => {
    // SLOAD(1); BALANCE(at 2); call precompile 4
    const code = `6001545073${at(2).slice(2)}31505f5f5f5f60045afa5000`
    const chain = await testChain({ [at(1)]: contract(code) })
    const { stateRoot } = chain.genesis.header
    const found = await chain.executor.accessList(stateRoot, chain.next(), { from: address(0), to: at(1) })
    expect(found.accessList).toEqual([
      { address: at(1), storageKeys: [`0x${'1'.padStart(64, '0')}`] },
      { address: at(2), storageKeys: [] },
    ])
    expect(found.error).toBeUndefined()
    const again = await chain.executor.accessList(stateRoot, chain.next(), {
      from: address(0),
      to: at(1),
      accessList: found.accessList,
    })
    expect(again).toEqual(found)
  })

  test('an EIP-7702 delegation runs the code in the name of its authority, and can be taken back', async () => {
    // SSTORE(0, CALLER); return ADDRESS
    const chain = await testChain({ [at(1)]: contract('335f55305f5260205ff3') })
    const delegate = async (from: number, nonce: number, authorityNonce: number, target: Hex) => {
      const authorization = await key(7).signAuthorization({ chainId: Number(CHAIN_ID), nonce: authorityNonce, address: target })
      const raw = await key(from).signTransaction({
        type: 'eip7702',
        chainId: Number(CHAIN_ID),
        nonce,
        gas: 200_000n,
        to: address(7),
        maxFeePerGas: 3n * GWEI,
        maxPriorityFeePerGas: 1n,
        authorizationList: [authorization],
      })
      return decodeTransaction(fromHex(raw), { chainId: CHAIN_ID })
    }
    const { block } = await chain.mine([await delegate(0, 0, 0, at(1))])
    const root = block.header.stateRoot
    expect(block.receipts[0]?.status).toBe(1)
    expect(await chain.executor.code(root, address(7))).toBe(`0xef0100${at(1).slice(2)}`)
    expect(await chain.executor.account(root, address(7))).toMatchObject({ nonce: 1n })
    expect(await chain.executor.storage(root, address(7), `0x${'0'.repeat(64)}`)).toBe(
      `0x${address(0).slice(2).padStart(64, '0')}`,
    )
    const called = await chain.executor.call(root, chain.next(), { to: address(7) })
    expect(called.output).toBe(`0x${address(7).slice(2).padStart(64, '0')}`)
    // A delegated account still sends transactions itself; a stale authorization is skipped.
    const own = await signed(7, { nonce: 1, to: at(9), value: 1n })
    const cleared = await chain.mine([own, await delegate(0, 1, 0, at(2)), await delegate(0, 2, 2, `0x${'00'.repeat(20)}`)])
    expect(cleared.refusals).toEqual([])
    expect(cleared.block.receipts.map(({ status }) => status)).toEqual([1, 1, 1])
    expect(await chain.executor.code(cleared.block.header.stateRoot, address(7))).toBe('0x')
  })
})

describe('point evaluation', () => {
  test('the setup constant is tau G2: the commitment to p(x) = x opens to z at z', () => {
    // tau G1 of the same public setup; the pairing below holds only if both are powers of one tau.
    const tauG1 = '0xad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81'
    const one: Hex = `0x${bls12_381.G1.Point.BASE.toHex()}`
    const z: Hex = `0x${(5).toString(16).padStart(64, '0')}`
    const other: Hex = `0x${(6).toString(16).padStart(64, '0')}`
    expect(verifyKzgProof(tauG1, z, z, one)).toBe(true)
    expect(verifyKzgProof(tauG1, z, other, one)).toBe(false)
    expect(verifyKzgProof(INFINITY, z, `0x${'0'.repeat(64)}`, INFINITY)).toBe(true)
    expect(() => verifyKzgProof(INFINITY, `0x${'ff'.repeat(32)}`, z, INFINITY)).toThrow('C_KZG_BADARGS')
  })
})
