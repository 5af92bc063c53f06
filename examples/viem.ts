import { createPublicClient, createWalletClient, http, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'

const transport = http(process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545')
const account = privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d') // (1) of the list
const reader = createPublicClient({ chain: foundry, transport })
const wallet = createWalletClient({ chain: foundry, transport, account })

const hash = await wallet.sendTransaction({ to: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', value: parseEther('1') })
const receipt = await reader.waitForTransactionReceipt({ hash })
console.log(receipt.status, 'in block', receipt.blockNumber)
