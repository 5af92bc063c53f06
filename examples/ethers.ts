import { JsonRpcProvider, parseEther, Wallet } from 'ethers'

const provider = new JsonRpcProvider(process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545')
const wallet = new Wallet('0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a', provider) // (2) of the list
const sent = await wallet.sendTransaction({ to: '0x90F79bf6EB2c4f870365E785982E1f101E93b906', value: parseEther('1') })
const receipt = await sent.wait()
console.log(receipt?.status === 1 ? 'success' : 'failed', 'in block', receipt?.blockNumber)
provider.destroy()
