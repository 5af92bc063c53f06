import { Indexer, MemData } from '@0gfoundation/0g-ts-sdk'
import { JsonRpcProvider, Wallet } from 'ethers'

const rpc = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const key = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80' // (0) of the list
const signer = new Wallet(key, new JsonRpcProvider(rpc))
const file = new MemData(new TextEncoder().encode('hello 0g'))
// @ts-expect-error: the SDK's types name the CommonJS build of ethers, a program of modules gets the other
const [result, error] = await new Indexer(`${rpc}/indexer`).upload(file, rpc, signer)
console.log(error ?? result)
