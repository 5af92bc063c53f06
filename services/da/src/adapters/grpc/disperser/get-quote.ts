import { bundleBytesOf } from '@zerog/availability'
import { layoutFor } from '@zerog/erasure'
import type { Endpoint } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { DisperserServiceDefinition } from '@zerog/proto/da'
import type { Committees } from '../../../app/committees.ts'
import { type AcceptRules, termOf } from '../../../app/disperser/accept.ts'
import { partLengths } from '../../../core/disperser/packer.ts'
import { invalid } from '../statement-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'

const method = DisperserServiceDefinition.methods.getQuote

/** Nothing is charged yet: the price is where the fee market will put its answer. */
const PRICE_WEI = 0n

export function getQuote(rules: AcceptRules, committees: Committees): Endpoint<typeof method> {
  return {
    method,
    allow: DISPERSER_CALLERS,
    async handle({ sizeBytes, retentionSeconds }) {
      if (sizeBytes < 1n) throw invalid('size_bytes', 'a blob has at least one byte')
      if (sizeBytes > BigInt(rules.blobBytesMax)) {
        const metadata = { parameter: 'size_bytes', limit: String(rules.blobBytesMax) }
        throw new ZerogError('LIMIT_EXCEEDED', { message: `a blob has at most ${rules.blobBytesMax} bytes here`, metadata })
      }
      const [first] = partLengths(Number(sizeBytes), rules.bundleBytesMax)
      const { rows } = await committees.current()
      const { k, n, rowBytes } = layoutFor(bundleBytesOf([first ?? 1]), { committeeRows: rows, rate: '1/4' })
      return { priceWei: PRICE_WEI.toString(), k, n, rowBytes, retentionSeconds: termOf(retentionSeconds, rules) }
    },
  }
}
