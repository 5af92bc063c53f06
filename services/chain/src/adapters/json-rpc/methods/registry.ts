import type { ChainBackend } from '../../../app/chain-backend.ts'
import type { JsonRpcLimits } from '../limits.ts'
import type { ManyMethod, Method } from '../method.ts'
import { accountMethods } from './accounts.ts'
import { debugMethods } from './debug.ts'
import { DEV_HINT, DEV_PREFIXES, devMethods } from './dev.ts'
import { ethBlockMethods } from './eth-blocks.ts'
import { ethCallMethods } from './eth-call.ts'
import { ethChainMethods } from './eth-chain.ts'
import { ethFeeMethods } from './eth-fees.ts'
import { ethLogMethods } from './eth-logs.ts'
import { ethSendManyMethods, ethSendMethods } from './eth-send.ts'
import { ethSimulateMethods } from './eth-simulate.ts'
import { ethStateMethods } from './eth-state.ts'
import { ethSubscribeMethods } from './eth-subscribe.ts'
import { ethTransactionMethods } from './eth-transactions.ts'
import { netMethods } from './net.ts'
import { txpoolMethods } from './txpool.ts'
import { zerogMethods } from './zerog.ts'

const MODULES = ['debug', 'eth', 'net', 'rpc', 'txpool', 'web3', 'zerog']

export type Found = { readonly method: Method; readonly many?: ManyMethod }
export type Lookup = (name: string) => Found | { readonly hint: string } | undefined

/** All methods by name. Methods of development nodes exist only where the backend has development controls. */
export function createLookup(
  options: { readonly limits: JsonRpcLimits; readonly clientVersion: string },
  deps: { readonly backend: ChainBackend },
): Lookup {
  const development = deps.backend.dev !== undefined
  // A Map: `constructor` and `__proto__` are not methods.
  const methods = new Map<string, Method>([
    ...Object.entries(accountMethods),
    ...Object.entries(debugMethods(options.limits)),
    ...Object.entries(ethBlockMethods),
    ...Object.entries(ethCallMethods),
    ...Object.entries(ethChainMethods),
    ...Object.entries(ethFeeMethods),
    ...Object.entries(ethLogMethods(options.limits)),
    ...Object.entries(ethSendMethods),
    ...Object.entries(ethSimulateMethods),
    ...Object.entries(ethStateMethods),
    ...Object.entries(ethSubscribeMethods(options.limits)),
    ...Object.entries(ethTransactionMethods),
    ...Object.entries(txpoolMethods),
    ...Object.entries(zerogMethods),
    ...Object.entries(
      netMethods({
        clientVersion: options.clientVersion,
        modules: development ? [...MODULES, 'evm', 'hardhat', 'anvil'] : MODULES,
      }),
    ),
    ...(development ? Object.entries(devMethods) : []),
  ])
  const found = new Map<string, Found>([...methods].map(([name, method]) => [name, { method }]))
  for (const [name, many] of Object.entries(ethSendManyMethods)) found.set(name, { method: methods.get(name) as Method, many })
  return (name) => {
    const known = found.get(name)
    if (known !== undefined) return known
    return !development && DEV_PREFIXES.some((prefix) => name.startsWith(prefix)) ? { hint: DEV_HINT } : undefined
  }
}
