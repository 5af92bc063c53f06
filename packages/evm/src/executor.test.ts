import { createBlock } from '@ethereumjs/block'
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { createMPT } from '@ethereumjs/mpt'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP } from '@ethereumjs/tx'
import { Account, createAddressFromString } from '@ethereumjs/util'
import { createVM, runTx } from '@ethereumjs/vm'
import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { decodeBlock, encodeBlock, headerHash } from './codec/block.ts'
import { keccak256 } from './codec/keccak.ts'
import { rlpDecode, rlpEncode, rlpInteger } from './codec/rlp.ts'
import { createExecutor } from './create-executor.ts'
import type { ExecutedBlock, GenesisAllocation, Header, Transaction } from './executor.ts'
import { environmentOf } from './header-rules.ts'
import { address, at, CHAIN_ID, contract, ENVIRONMENT, signed, testChain } from './test-chain.ts'
import { verifyTrieProof } from './trie/trie.ts'

describe('blocks', () => {
  test('another executor replays the chain to the same roots', async () => {
    const chain = await testChain({ [at(1)]: contract('5f35600101805f5560205ff3') })
    const copy = createExecutor({ kv: memoryKv(), chainId: CHAIN_ID })
    const genesis = await copy.genesis({ allocation: chain.allocation, environment: ENVIRONMENT })
    expect(genesis.hash).toBe(chain.genesis.hash)
    copy.commit(genesis)
    let parent: ExecutedBlock = genesis
    for (let round = 0; round < 3; round++) {
      const transactions = [
        await signed(0, { nonce: round, to: at(1), data: `0x${'07'.padStart(64, '0')}` }),
        await signed(1, { nonce: round, data: '0x600a600c600039600a6000f3602a60005260206000f3' }),
      ]
      const { block, refusals } = await chain.mine(transactions)
      expect(refusals).toEqual([])
      const again = await copy.replay({ parent: parent.header, encoded: block.encoded })
      expect(again.hash).toBe(block.hash)
      expect(again.receipts).toEqual(block.receipts)
      copy.commit(again)
      parent = again
    }
  })

  test('a replay names the field that does not come out', async () => {
    const chain = await testChain()
    const { block } = await chain.mine([await signed(0, { nonce: 0, to: address(1), value: 1n })])
    const copy = createExecutor({ kv: memoryKv(), chainId: CHAIN_ID })
    const genesis = await copy.genesis({ allocation: chain.allocation, environment: ENVIRONMENT })
    const forged: [Partial<Header>, string][] = [
      [{ stateRoot: block.header.receiptsRoot }, 'stateRoot'],
      [{ receiptsRoot: block.header.stateRoot }, 'receiptsRoot'],
      [{ transactionsRoot: block.header.stateRoot }, 'transactionsRoot'],
      [{ logsBloom: `0x01${'00'.repeat(255)}` }, 'logsBloom'],
      [{ gasUsed: 21_001n }, 'gasUsed'],
      [{ parentHash: block.hash }, 'parentHash'],
      [{ parentBeaconBlockRoot: block.hash }, 'parentBeaconBlockRoot'],
      [{ height: 2n }, 'height'],
      [{ gasLimit: 60_000_001n }, 'gasLimit'],
      [{ baseFeePerGas: 2n }, 'baseFeePerGas'],
      [{ difficulty: 1n }, 'difficulty'],
      [{ nonce: '0x0000000000000001' }, 'nonce'],
      [{ timestampSeconds: 1n }, 'timestampSeconds'],
      [{ requestsHash: block.hash }, 'requestsHash'],
      [{ withdrawalsRoot: block.hash }, 'withdrawalsRoot'],
      [{ ommersHash: block.hash }, 'ommersHash'],
      [{ blobGasUsed: 1n }, 'blobGasUsed'],
      [{ excessBlobGas: 1n }, 'excessBlobGas'],
      [{ extraData: '0x' }, 'extraData'],
    ]
    for (const [change, field] of forged) {
      const encoded = encodeBlock({ ...block.header, ...change }, block.transactions)
      await expect(copy.replay({ parent: genesis.header, encoded })).rejects.toMatchObject({
        reason: 'VERIFICATION_FAILED',
        metadata: { field },
      })
    }
    expect((await copy.replay({ parent: genesis.header, encoded: block.encoded })).hash).toBe(block.hash)
  })

  test('arbitrary and mutilated blocks are refused, never executed', async () => {
    const chain = await testChain()
    const { block } = await chain.mine([await signed(0, { nonce: 0, to: address(1), value: 1n })])
    expect(headerHash(decodeBlock(block.encoded).header)).toBe(block.hash)
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (where, change) => {
        const encoded = block.encoded.slice()
        const index = where % encoded.length
        encoded[index] = (encoded[index] as number) ^ change
        const outcome = chain.executor.replay({ parent: chain.genesis.header, encoded })
        // r and the beneficiary are free for this layer: consensus checks them.
        const decoded = outcome.then((accepted) => accepted.hash !== block.hash)
        await expect(
          decoded.catch((error) => error instanceof ZerogError && error.reason === 'VERIFICATION_FAILED'),
        ).resolves.toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('refusals name their reason and leave nothing behind', async () => {
    const chain = await testChain()
    const candidates = [
      await signed(0, { nonce: 1, to: address(1) }),
      await signed(0, { nonce: 0, to: address(1), value: 10n ** 30n }),
      await signed(1, { nonce: 0, to: address(2), gas: 20_000n }),
      await signed(2, { nonce: 0, to: address(1), value: 1n, gas: 59_990_000n }),
      await signed(3, { nonce: 0, to: address(1), gas: 60_000_000n }),
    ]
    const { block, refusals } = await chain.mine(candidates)
    expect(refusals.map(({ reason, message }) => [reason, message.split(':', 1)[0]])).toEqual([
      ['nonce_too_high', 'nonce too high'],
      ['insufficient_funds', 'insufficient funds for gas * price + value'],
      ['invalid', 'intrinsic gas too low'],
      ['gas_limit', 'gas limit reached'],
    ])
    expect(block.transactions).toHaveLength(1)
  })

  test('the state of every committed root stays readable', async () => {
    const chain = await testChain()
    const roots: Hex[] = []
    for (let nonce = 0; nonce < 5; nonce++) {
      const { block } = await chain.mine([await signed(0, { nonce, to: at(9), value: 5n })])
      roots.push(block.header.stateRoot)
    }
    const balances = await Promise.all(roots.map(async (root) => (await chain.executor.account(root, at(9)))?.balance))
    expect(balances).toEqual([5n, 10n, 15n, 20n, 25n])
  })

  test('BLOCKHASH and the EIP-2935 contract give the same hashes; PREVRANDAO is r', async () => {
    // return BLOCKHASH(calldata word 0)
    const chain = await testChain({ [at(1)]: contract('5f35405f5260205ff3'), [at(2)]: contract('445f5260205ff3') })
    const hashes = [chain.genesis.hash]
    for (let round = 0; round < 4; round++) hashes.push((await chain.mine([])).block.hash)
    const { executor } = chain
    const environment = chain.next()
    for (const [height, hash] of hashes.entries()) {
      const data: Hex = `0x${height.toString(16).padStart(64, '0')}`
      const opcode = await executor.call(chain.head().header.stateRoot, environment, { to: at(1), data })
      expect(opcode.output).toBe(hash)
      if (height === hashes.length - 1) continue
      const history = await executor.call(chain.head().header.stateRoot, environment, {
        to: '0x0000f90827f1c53a10cb7a02335b175320002935',
        data,
      })
      expect(history.output).toBe(hash)
    }
    const randao = await executor.call(chain.head().header.stateRoot, environment, { to: at(2) })
    expect(randao.output).toBe(ENVIRONMENT.prevRandao)
    const timestamp: Hex = `0x${chain.head().header.timestampSeconds.toString(16).padStart(64, '0')}`
    const beacon = await executor.call(chain.head().header.stateRoot, environment, {
      to: '0x000f3df6d732807ef1319fb7b8bb8522d0beac02',
      data: timestamp,
    })
    expect(beacon.output).toBe(chain.head().header.parentHash)
  })
})

describe('proofs', () => {
  test('eth_getProof verifies present and absent accounts and slots against the header alone', async () => {
    const chain = await testChain({ [at(1)]: contract('60056001555b00'), [at(2)]: { balance: 3n } })
    const { block } = await chain.mine([await signed(0, { nonce: 0, to: at(1) })])
    const { stateRoot } = block.header
    const slots: Hex[] = [`0x${'1'.padStart(64, '0')}`, `0x${'2'.padStart(64, '0')}`]
    const proof = await chain.executor.proof(stateRoot, at(1), slots)
    const account = verifyTrieProof(
      fromHex(stateRoot),
      keccak256(fromHex(at(1))),
      proof.accountProof.map((node) => fromHex(node)),
    )
    const fields = rlpDecode(account as Uint8Array) as Uint8Array[]
    expect(toHex(fields[2] as Uint8Array)).toBe(proof.storageHash)
    expect(proof.storageProof.map(({ value }) => value)).toEqual([5n, 0n])
    const values = proof.storageProof.map(({ key, proof: nodes }) =>
      verifyTrieProof(
        fromHex(proof.storageHash),
        keccak256(fromHex(key)),
        nodes.map((node) => fromHex(node)),
      ),
    )
    expect(values).toEqual([rlpEncode(rlpInteger(5n)), undefined])
    const absent = await chain.executor.proof(stateRoot, at(77), slots)
    expect(absent).toMatchObject({ balance: 0n, nonce: 0n })
    const nodes = absent.accountProof.map((node) => fromHex(node))
    expect(verifyTrieProof(fromHex(stateRoot), keccak256(fromHex(at(77))), nodes)).toBeUndefined()
  })
})

describe('the oracle', () => {
  // Opcodes that make random programs do something: arithmetic, memory, storage, calls, creations, logs, selfdestruct.
  const opcode = fc.constantFrom(
    ...[
      0x01, 0x03, 0x0a, 0x10, 0x15, 0x20, 0x30, 0x31, 0x33, 0x34, 0x35, 0x3b, 0x3d, 0x3f, 0x40, 0x47, 0x51, 0x52, 0x54, 0x55,
      0x58,
    ],
    ...[0x5a, 0x5c, 0x5d, 0x5e, 0x80, 0x81, 0x90, 0x91, 0xa0, 0xa1, 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa, 0xf3, 0xfd, 0xff],
  )
  const push = fc.integer({ min: 0, max: 96 }).map((value) => `60${value.toString(16).padStart(2, '0')}`)
  const pushContract = fc.integer({ min: 1, max: 5 }).map((number) => `73${at(number).slice(2)}`)
  const call = fc
    .tuple(fc.constantFrom('f1', 'f2', 'f4', 'fa'), pushContract, fc.integer({ min: 0, max: 1 }))
    // out length and offset, in length and offset, value where there is one, target, gas
    .map(
      ([kind, target, value]) => `6020600060206000${kind === 'f1' || kind === 'f2' ? `600${value}` : ''}${target}620186a0${kind}`,
    )
  const item = fc.oneof(
    { weight: 4, arbitrary: push },
    { weight: 1, arbitrary: pushContract },
    { weight: 2, arbitrary: call },
    { weight: 1, arbitrary: fc.constant('6001600055') },
    { weight: 1, arbitrary: fc.constant('5f600055') },
    { weight: 4, arbitrary: opcode.map((code) => code.toString(16).padStart(2, '0')) },
  )
  const program = fc.array(item, { minLength: 4, maxLength: 40 }).map((items) => items.join(''))
  const plan = fc.record({
    programs: fc.array(program, { minLength: 5, maxLength: 5 }),
    calls: fc.array(
      fc.record({
        from: fc.nat(2),
        to: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
        data: fc.uint8Array({ maxLength: 64 }),
        value: fc.nat(3),
        init: program,
        gas: fc.integer({ min: 60_000, max: 700_000 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  })

  test('@ethereumjs/vm gives the same gas, status, logs and root for random programs', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ programs, calls }) => {
        const contracts = Object.fromEntries(programs.map((code, index) => [at(index + 1), contract(code, 5n)]))
        const chain = await testChain(contracts, { systemContracts: false })
        const nonces = [0, 0, 0]
        const transactions: Transaction[] = []
        for (const { from, to, data, value, init, gas } of calls) {
          const nonce = nonces[from] as number
          nonces[from] = nonce + 1
          transactions.push(
            await signed(from, {
              nonce,
              to: to === undefined ? undefined : at(to),
              data: to === undefined ? `0x${init}` : toHex(data),
              value: BigInt(value),
              gas: BigInt(gas),
            }),
          )
        }
        const { block, refusals } = await chain.mine(transactions)
        expect(refusals).toEqual([])
        const oracle = await runOracle(chain.allocation, transactions, block)
        expect(block.receipts.map(({ gasUsed, status }) => [gasUsed, status])).toEqual(oracle.receipts)
        expect(block.header.stateRoot).toBe(oracle.stateRoot)
      }),
      { numRuns: 40 },
    )
  }, 300_000)
})

async function runOracle(allocation: GenesisAllocation, transactions: readonly Transaction[], block: ExecutedBlock) {
  // The library's own curve and hashes, so that nothing of ours judges itself.
  const common = createCustomCommon({ chainId: Number(CHAIN_ID), name: 'oracle' }, Mainnet, { hardfork: Hardfork.Prague })
  const stateManager = new MerkleStateManager({ common, trie: await createMPT({ useKeyHashing: true, common }) })
  const vm = await createVM({ common, stateManager })
  for (const [name, { balance, nonce, code }] of Object.entries(allocation)) {
    const account = createAddressFromString(name)
    await stateManager.putAccount(account, new Account(nonce ?? 0n, balance))
    if (code !== undefined) await stateManager.putCode(account, fromHex(code))
  }
  const { header } = block
  const environment = environmentOf(header)
  const oracleBlock = createBlock(
    {
      header: {
        number: environment.height,
        timestamp: environment.timestampSeconds,
        gasLimit: environment.gasLimit,
        baseFeePerGas: environment.baseFeePerGas,
        coinbase: environment.beneficiary,
        mixHash: environment.prevRandao,
      },
    },
    { common, skipConsensusFormatValidation: true },
  )
  // The hash of the parent is all that BLOCKHASH can see in block 1.
  ;(vm.evm as { blockchain?: unknown }).blockchain = { getBlock: async () => ({ hash: () => fromHex(header.parentHash) }) }
  const receipts: [bigint, number][] = []
  for (const { raw } of transactions) {
    const result = await runTx(vm, { tx: createTxFromRLP(raw, { common }), block: oracleBlock, skipHardForkValidation: true })
    receipts.push([result.totalGasSpent, result.execResult.exceptionError === undefined ? 1 : 0])
  }
  return { receipts, stateRoot: toHex(await stateManager.getStateRoot()) }
}
