import { signHash } from '@zerog/evm'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import type { ChainBackend } from './chain-backend.ts'

export type DevelopmentKey = { readonly address: Hex; readonly privateKey: Hex }

/** Signs with public development keys; a node of any other network gets no keys. */
export function developmentSigner(keys: readonly DevelopmentKey[]): Required<Pick<ChainBackend, 'accounts' | 'sign'>> {
  const byAddress = new Map(keys.map(({ address, privateKey }) => [address.toLowerCase() as Hex, privateKey]))
  return {
    accounts: [...byAddress.keys()],
    sign: async (address, payload) => {
      const key = byAddress.get(address.toLowerCase() as Hex)
      if (key === undefined) throw new ZerogError('NOT_FOUND', { message: `this node has no key for ${address}` })
      return signHash(payload, fromHex(key, 32))
    },
  }
}
