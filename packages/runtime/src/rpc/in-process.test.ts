import { createInProcessNetwork } from './in-process.ts'
import { createModuleRpc } from './module-rpc.ts'
import { describeRpc, testHostDeps } from './suite.ts'

describeRpc('the in-process channel', async (hosts) => {
  const network = createInProcessNetwork()
  for (const host of hosts) network.add(host)
  const deps = testHostDeps()
  return { rpcAs: (identity) => createModuleRpc({ identity, network }, deps), close: async () => {} }
})
