import { addresses, daEntranceAbi, encodeSubmitCertificates } from '@zerog/contracts'
import type { ChainClient } from '@zerog/ports'
import { fromHex, type Hex, isHex, toHex } from '@zerog/primitives'
import { decodeErrorResult, decodeEventLog, decodeFunctionResult, encodeFunctionData, toEventSelector } from 'viem'
import type { Entrance } from '../../app/disperser/entrance.ts'

/** Conditions that time began and does not end: the epoch is over for too long, or the rows of a bundle may be deleted by now. */
const NEVER_TAKEN: readonly string[] = ['EpochClosed', 'Expired']

const WINDOW_CERTIFIED = toEventSelector('WindowCertified(uint64,uint32,bytes32,uint256,bytes)')

/** DAEntrance of this network. */
export function daEntrance(chain: Pick<ChainClient, 'call'>, network: { readonly chainId: bigint }): Entrance {
  const address: Hex = addresses(network).daEntrance
  return {
    address,
    encode(windows) {
      const { data, gasLimit } = encodeSubmitCertificates(windows)
      return { data, gas: gasLimit }
    },
    neverTaken({ metadata: { data } }) {
      if (data === undefined || !isHex(data)) return undefined
      try {
        const { errorName, args } = decodeErrorResult({ abi: daEntranceAbi, data })
        return NEVER_TAKEN.includes(errorName) ? `${errorName}(${args?.join(', ')})` : undefined
      } catch {
        return undefined // of another contract, or none
      }
    },
    filter: { addresses: [address], topics: [WINDOW_CERTIFIED] },
    read({ address: from, topics, data }) {
      if (from !== address || topics[0] !== WINDOW_CERTIFIED) return undefined
      const { args } = decodeEventLog({
        abi: daEntranceAbi,
        eventName: 'WindowCertified',
        topics: [topics[0], ...topics.slice(1)],
        data,
      })
      return { epoch: args.epoch, committee: args.committee, root: fromHex(args.windowRoot, 32) }
    },
    async expiryOf({ commitment, epoch, committee }) {
      const data = encodeFunctionData({
        abi: daEntranceAbi,
        functionName: 'recordOf',
        args: [toHex(commitment), epoch, BigInt(committee)],
      })
      const result = await chain.call({ to: address, data })
      return decodeFunctionResult({ abi: daEntranceAbi, functionName: 'recordOf', data: result }).expiry
    },
  }
}
