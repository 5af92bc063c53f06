import { createZerogClient, gatewayEndpoints } from '@zerog/sdk'

const zerog = createZerogClient({ endpoints: gatewayEndpoints(process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545') })
const blob = await zerog.da.disperse(new TextEncoder().encode('hello zerog'), { wait: 'certified' })
const bytes = await zerog.da.retrieve(blob.id) // out of the nodes, checked against its hash
console.log(blob.parts[0]?.commitment, new TextDecoder().decode(bytes))
