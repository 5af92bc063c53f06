import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { lmdbKv, memoryKv } from '@zerog/adapters'
import { createChainBackend } from '@zerog/chain/testing'
import { developmentAccounts } from '@zerog/contracts'
import { privateKeyToAccount } from 'viem/accounts'

/**
 * Plain transfers from signed bytes to durable blocks, without HTTP: decode, sender recovery, pool, journal, execution, roots, receipts,
 * indexes. `node bench/chain-backend.ts [transfers] [memory|lmdb]`
 */
const count = Number(process.argv[2] ?? 10_000)
const store = process.argv[3] ?? 'lmdb'
const IN_FLIGHT = 100
const GWEI = 10n ** 9n

const folder = await mkdtemp(join(tmpdir(), 'zerog-bench-'))
const kv = store === 'lmdb' ? lmdbKv({ path: folder }) : memoryKv()
const chain = await createChainBackend({ kv })
const accounts = developmentAccounts().map(({ privateKey }) => privateKeyToAccount(privateKey))
const signed: Uint8Array[] = []
for (let index = 0; index < count; index++) {
  const from = accounts[index % accounts.length] ?? accounts[0]
  const to = accounts[(index * 7 + 3) % accounts.length]?.address
  if (from === undefined || to === undefined) break
  const raw = await from.signTransaction({
    type: 'eip1559',
    chainId: 31337,
    nonce: Math.floor(index / accounts.length),
    gas: 21_000n,
    to,
    value: 1n,
    maxFeePerGas: 3n * GWEI,
    maxPriorityFeePerGas: GWEI,
  })
  signed.push(new Uint8Array(Buffer.from(raw.slice(2), 'hex')))
}

let blocks = 0
let included = 0
const finished = new Promise<void>((resolve) => {
  chain.backend.onBlock(({ transactions }) => {
    blocks += 1
    included += transactions.length
    if (included === signed.length) resolve()
  })
})
const cpuBefore = process.cpuUsage()
const startedMs = performance.now()
for (let index = 0; index < signed.length; index += IN_FLIGHT) {
  await Promise.all(signed.slice(index, index + IN_FLIGHT).map((raw) => chain.backend.submit(raw)))
}
await finished
const seconds = (performance.now() - startedMs) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
const cpuSeconds = (user + system) / 1e6
const result = {
  store,
  transfers: included,
  blocks,
  perCpuSecond: Math.round(included / cpuSeconds),
  perSecond: Math.round(included / seconds),
  residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  machine: `${cpus().length} x ${cpus()[0]?.model}`,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
await chain.stop()
await kv.close()
await rm(folder, { recursive: true, force: true })
