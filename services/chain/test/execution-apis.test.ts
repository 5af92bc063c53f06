import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { artifacts, developmentAccounts, greeterAbi } from '@zerog/contracts'
import { encodeFunctionData, parseGwei } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

/**
 * The published tests of ethereum/execution-apis run on a chain of old forks that cannot be imported yet. What they say apart
 * from that chain is checked here: errors word for word, and the members and forms of every answer.
 */
const folder = join(
  process.env.ZEROG_FIXTURES ?? join(import.meta.dirname, '../../../../shared/fixtures'),
  'chain/execution-apis/tests',
)
const present = existsSync(folder)
if (!present && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`no fixtures in ${folder}; set ZEROG_FIXTURES`)

type Exchange = { readonly name: string; readonly request: any; readonly response: any }

function exchanges(method: string): readonly Exchange[] {
  return readdirSync(join(folder, method)).flatMap((file) => {
    const lines = readFileSync(join(folder, method, file), 'utf8').split('\n')
    const of = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => JSON.parse(line.slice(mark.length)))
    const responses = of('<< ')
    return of('>> ').map((request, index) => ({
      name: `${method}/${file.replace('.io', '')}`,
      request,
      response: responses[index],
    }))
  })
}

const methods = present ? readdirSync(folder).filter((name) => /^[a-z]+_/.test(name) && !name.startsWith('testing_')) : []
const all = methods.flatMap(exchanges)

/** Answers whose words do not depend on the imported chain. */
const refusals = all.filter(
  ({ response }) =>
    response.error !== undefined &&
    (response.error.code === -32602 || /not found|genesis|too many blocks/.test(response.error.message)) &&
    response.error.message !== 'block range extends beyond current head block',
)

const THEIR_GENESIS = '0x44fd89d504659cd58f48f4796b77a7e7012cf296a2409afa2f6c3cb99b5b3d99'

const suite = present ? describe : describe.skip

suite('execution-apis', () => {
  let chain: TestChain
  let server: RpcServer
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })

  test('every published method exists here', async () => {
    expect(methods.length).toBeGreaterThan(35)
    for (const method of methods) {
      const { error } = await server.request(method, [])
      if (error !== undefined) expect(`${method}: ${error.code}`).not.toBe(`${method}: -32601`)
    }
  })

  describe('refusals are worded as published', () => {
    test('there are some', () => expect(refusals.length).toBeGreaterThan(15))
    test.each(refusals)('$name', async ({ request, response }) => {
      const params = JSON.stringify(request.params).replace(THEIR_GENESIS, chain.blockByHeight(0n)?.hash ?? '')
      expect((await server.request(request.method, JSON.parse(params))).error).toEqual(response.error)
    })
  })

  describe('answers have the published members in the published forms', () => {
    const greeter = { address: '0x' }
    const hashes: Record<string, string> = {}
    beforeAll(async () => {
      const [alice, bob] = developmentAccounts().map(({ privateKey }) => privateKeyToAccount(privateKey))
      if (alice === undefined || bob === undefined) throw new Error('no development accounts')
      const send = async (name: string, transaction: any) => {
        const nonce = Number((await server.request('eth_getTransactionCount', [alice.address, 'pending'])).result)
        const raw = await alice.signTransaction({ chainId: 31_337, gas: 1_000_000n, nonce, ...transaction })
        const { result, error } = await server.request('eth_sendRawTransactionSync', [raw])
        if (error !== undefined) throw new Error(`${name}: ${error.message}`)
        hashes[name] = result.transactionHash
        return result
      }
      const constructorArguments = encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: ['Hi'] }).slice(10)
      const data = `${artifacts.greeter.bytecode}${constructorArguments}`
      const fees = { maxFeePerGas: parseGwei('3'), maxPriorityFeePerGas: parseGwei('1') }
      greeter.address = (await send('create', { type: 'legacy', gasPrice: parseGwei('2'), data })).contractAddress
      const call = {
        to: greeter.address,
        data: encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: ['Yo'] }),
      }
      await send('type 0', { type: 'legacy', gasPrice: parseGwei('2'), ...call })
      const accessList = [{ address: greeter.address, storageKeys: [`0x${'00'.repeat(32)}`] }]
      await send('type 1', { type: 'eip2930', gasPrice: parseGwei('2'), accessList, ...call })
      await send('type 2', { type: 'eip1559', accessList, ...fees, ...call })
      const authorization = await bob.signAuthorization({ chainId: 31_337, address: greeter.address as `0x${string}`, nonce: 0 })
      await send('type 4', { type: 'eip7702', authorizationList: [authorization], ...fees, to: bob.address })
    })

    /** The published answer of one file, or of its exchange `index`. */
    const published = (name: string): any => all.find((exchange) => exchange.name === name)?.response.result
    const ours = async (method: string, ...params: unknown[]): Promise<any> => {
      const { result, error } = await server.request(method, params)
      expect(error).toBeUndefined()
      return result
    }

    test.each([
      ['get-legacy-tx', 'type 0'],
      ['get-access-list', 'type 1'],
      ['get-dynamic-fee', 'type 2'],
      ['get-setcode-tx', 'type 4'],
      ['get-legacy-create', 'create'],
    ])('transaction %s', async (file, name) => {
      const wanted = published(`eth_getTransactionByHash/${file}`)
      // Legacy transactions of the published chain were signed before EIP-155.
      if (name === 'type 0' || name === 'create') wanted.chainId = '0x1'
      expect(shape(await ours('eth_getTransactionByHash', hashes[name]))).toEqual(shape(wanted))
    })

    test.each([
      ['get-access-list', 'type 1'],
      ['get-setcode-tx', 'type 4'],
    ])('receipt %s', async (file, name) => {
      expect(shape(await ours('eth_getTransactionReceipt', hashes[name]))).toEqual(
        shape(published(`eth_getTransactionReceipt/${file}`)),
      )
    })

    test('the receipt of a creation names the contract and no target', async () => {
      const { root: _beforeByzantium, ...wanted } = published('eth_getTransactionReceipt/get-legacy-contract')
      const { logs: _logs, ...created } = await ours('eth_getTransactionReceipt', hashes.create)
      const { logs: _none, ...shaped } = shape({ ...wanted, status: '0x1' }) as Record<string, unknown>
      expect(shape(created)).toEqual(shaped)
    })

    test('block', async () => {
      const wanted = published('eth_getBlockByNumber/get-block-prague-fork')
      const { transactions, ...block } = await ours('eth_getBlockByNumber', 'latest', false)
      const { transactions: _theirs, ...members } = wanted
      // Their block carries the fields of Prague; extraData is empty there and a hash here.
      expect(Object.keys(shape(block) as object).sort()).toEqual(Object.keys(members).sort())
      expect({ ...(shape(block) as object), extraData: 0 }).toEqual({ ...(shape(members) as object), extraData: 0 })
      expect(transactions).toHaveLength(1)
    })

    test.each<[string, string, (greeter: string) => unknown[]]>([
      ['eth_getProof/get-account-proof-with-storage', 'eth_getProof', (address) => [address, ['0x00'], 'latest']],
      ['eth_capabilities/get-capabilities', 'eth_capabilities', () => []],
      ['eth_feeHistory/fee-history', 'eth_feeHistory', () => ['0x1', 'latest', [95, 99]]],
      ['eth_createAccessList/create-al-value-transfer', 'eth_createAccessList', () => [{ to: `0x${'01'.repeat(20)}` }, 'latest']],
      ['eth_getStorageAt/get-storage', 'eth_getStorageAt', (address) => [address, '0x0', 'latest']],
      ['txpool_contentFrom/get-content-from-address', 'txpool_contentFrom', () => [`0x${'00'.repeat(20)}`]],
      ['eth_getTransactionByHash/get-notfound-tx', 'eth_getTransactionByHash', () => [`0x${'0f'.repeat(32)}`]],
      ['eth_getBlockReceipts/get-block-receipts-future', 'eth_getBlockReceipts', () => ['0xffff']],
      ['eth_syncing/check-syncing', 'eth_syncing', () => []],
      ['debug_traceTransaction/trace-legacy-transfer', 'debug_traceTransaction', () => [hashes['type 4'], {}]],
    ])('%s', async (file, method, params) => {
      expect(forms(await ours(method, ...params(greeter.address)), published(file))).toEqual([])
    })

    test('logs', async () => {
      const [log] = await ours('eth_getLogs', { address: greeter.address, fromBlock: 'earliest' })
      const [wanted] = published('eth_getLogs/contract-addr')
      expect(Object.keys(log)).toEqual(Object.keys(wanted))
    })

    test('eth_config names the same precompiles and system contracts', async () => {
      const wanted = published('eth_config/get-config')
      // P256VERIFY is of Osaka.
      const { P256VERIFY: _osaka, ...precompiles } = wanted.current.precompiles
      const { current } = await ours('eth_config')
      expect(current.precompiles).toEqual(precompiles)
      expect(Object.keys(current)).toEqual(Object.keys(wanted.current))
      expect(Object.keys(current.systemContracts)).toEqual(Object.keys(wanted.current.systemContracts))
    })

    test('struct logs', async () => {
      const wanted = published('debug_traceTransaction/trace-contract-call').structLogs
      const { structLogs } = await ours('debug_traceTransaction', hashes['type 0'])
      const members = (logs: any[]) => [...new Set(logs.flatMap((log) => Object.keys(log)))].sort()
      expect(members(wanted).every((member) => members(structLogs).includes(member))).toBe(true)
    })
  })

  test('simulated calls end as published, but for what depends on the imported chain', async () => {
    const simulated = await createTestChain({ gasLimit: 200_000_000n })
    // The published head.
    while (simulated.head().header.height < 0x36n) await simulated.mine()
    const twin = await startRpcServer(simulated, { limits: { callGasMax: 50_000_000n } })
    const different: string[] = []
    for (const { name, request, response } of all.filter(({ request }) => request.method === 'eth_simulateV1')) {
      const answer = await twin.request(request.method, request.params)
      if (JSON.stringify(outcomes(answer)) !== JSON.stringify(outcomes(response)))
        different.push(name.split('/ethSimulate-')[1] ?? name)
    }
    expect(twin.failures).toEqual([])
    await twin.close()
    await simulated.stop()
    expect(different.sort()).toEqual([...DEPENDS_ON_THEIR_CHAIN, ...NOT_SUPPORTED].sort())
  })
})

/** Answers that contain the chain id, time, base fee, hashes or accounts of the published chain. */
const DEPENDS_ON_THEIR_CHAIN: readonly string[] = [
  'add-more-non-defined-BlockStateCalls-than-fit-but-now-with-fit',
  'blobs',
  'block-override-reflected-in-contract',
  'block-override-reflected-in-contract-simple',
  'block-timestamp-auto-increment',
  'block-timestamp-non-increment',
  'block-timestamp-order-38021',
  'block-timestamps-incrementing',
  'blockhash-simple',
  'blocknumber-increment',
  'check-invalid-nonce',
  'contract-calls-itself',
  'gas-fees-and-value-error-38014-with-validation',
  'get-block-properties',
  'override-all-in-BlockStateCalls',
  'overwrite-existing-contract',
  'self-destructive-contract-produces-logs',
  'simple-no-funds-with-validation',
  'simple-no-funds-with-validation-without-nonces',
  'simple-send-from-contract-with-validation',
]

/** What we do differently: precompiles do not move, and BLOCKHASH does not know simulated blocks. */
const NOT_SUPPORTED: readonly string[] = [
  'blockhash-complex',
  'blockhash-start-before-head',
  'move-ecrecover-and-call',
  'move-ecrecover-and-call-old-and-new',
  'move-ecrecover-twice-and-call',
  'move-two-accounts-to-same-38023',
  'override-ecrecover',
  'override-identity',
  'override-sha256',
  'use-as-many-features-as-possible',
]

/** What each call of a simulation came to. */
function outcomes({ result, error }: any): unknown {
  if (error !== undefined) return error
  return result.map(({ number, gasUsed, calls }: any) => [
    number,
    gasUsed,
    calls.map((call: any) => [call.status, call.returnData, call.gasUsed, call.maxUsedGas, call.error, call.logs.length]),
  ])
}

/** An answer with every value replaced by its form, so that two of different chains compare. */
function shape(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])]
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member, name)]))
  }
  // Of any length, which may happen to be that of a hash.
  if (['r', 's', 'data', 'input', 'storageKeys'].includes(key) && typeof value === 'string') return 'hex'
  if (typeof value !== 'string' || !value.startsWith('0x')) return typeof value
  // Quantities have no fixed length; bytes of a fixed length keep it; everything else is just bytes.
  if (value.length === 42 || value.length === 66 || value.length === 514) return `${(value.length - 2) / 2} bytes`
  return 'hex'
}

/** Members of `wanted` that `value` lacks or has in another form. */
function forms(value: any, wanted: any, path = ''): readonly string[] {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return [`${path} is no list`]
    return wanted.length === 0 || value.length === 0 ? [] : forms(value[0], wanted[0], `${path}[0]`)
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof value !== 'object' || value === null) return [`${path} is no object`]
    return Object.keys(wanted).flatMap((key) =>
      key === 'deleteStrategy' ? [] : forms(value[key], wanted[key], `${path}.${key}`),
    )
  }
  const same =
    shape(value) === shape(wanted) || (typeof value === typeof wanted && typeof value === 'string' && value.startsWith('0x'))
  return same ? [] : [`${path} is ${JSON.stringify(value)}, published ${JSON.stringify(wanted)}`]
}
