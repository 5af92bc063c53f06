import { createZerogClient } from '@zerog/sdk'
import { privateKeyToAccount } from 'viem/accounts'

const rpcUrl = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const account = privateKeyToAccount('0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6') // (3) of the list
const endpoints = { rpcUrl, nodeUrl: `${rpcUrl}/storage`, indexerUrl: `${rpcUrl}/indexer` }
const zerog = createZerogClient({ endpoints, account })

const { root } = await zerog.storage.upload(new TextEncoder().encode('hello zerog'))
const bytes = await zerog.storage.downloadBytes(root) // every segment is proven against the root
console.log(root, new TextDecoder().decode(bytes))
