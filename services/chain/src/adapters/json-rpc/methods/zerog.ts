import { toHex } from '@zerog/primitives'
import { blockNumberOrHash, LATEST } from '../codecs/block.ts'
import { quantity } from '../format/hex.ts'
import { type Method, method, optional } from '../method.ts'
import { findBlock } from '../state-at.ts'
import { isPending } from './eth-blocks.ts'

/** Methods of our own: what Ethereum's JSON-RPC has no word for. */
export const zerogMethods: Readonly<Record<string, Method>> = {
  /** What proves to a light client that a block is final (docs/spec/consensus.md); null where there is no such block. */
  zerog_getCertificate: method([optional(blockNumberOrHash, LATEST)], ({ backend }, ref) => {
    const block = isPending(ref) ? undefined : findBlock(backend, ref)
    const finality = block && backend.finality(block.header.height)
    if (finality === undefined) return null
    const { height, blockHash, headers, certificate, validators, epochLength } = finality
    return {
      number: quantity(height),
      hash: blockHash,
      headers: headers.map((header) => toHex(header)),
      certificate: certificate.length === 0 ? null : toHex(certificate),
      validators: toHex(validators),
      epochLength: quantity(epochLength),
    }
  }),
}
