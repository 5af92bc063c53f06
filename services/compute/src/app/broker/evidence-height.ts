import { anchorSlots, settlementSlots } from '@zerog/evidence'
import { type Hex, ZerogError } from '@zerog/primitives'
import { SETTLEMENT_STATUS } from '../../core/billing/outcome.ts'
import type { EvidenceChain } from './evidence-ports.ts'
import type { Batch } from './repository.ts'

export type SettledAt = { readonly inferenceServing: Hex; readonly receiptAnchor: Hex; readonly provider: Hex }

/**
 * The first block whose state shows the batch anchored and every user of it settled. Both never become untrue again (an anchor stays,
 * nonces of settlements rise), so the search doubles its steps back from the head and halves what is left: a batch that was just settled
 * is found in a few reads, however long the chain is.
 * @throws ZerogError WRONG_STATE where the head does not show it yet
 */
export async function settledHeight(batch: Batch, at: SettledAt, chain: Pick<EvidenceChain, 'head' | 'words'>): Promise<bigint> {
  const settled = batch.users.filter(
    ({ sum, outcome }) => sum > 0n && outcome !== undefined && outcome.status <= SETTLEMENT_STATUS.partial,
  )
  const [dataRoot] = anchorSlots(at.provider, batch.root)
  const nonces = settled.map(({ user }) => settlementSlots(user, at.provider)[1])

  async function isShown(height: bigint): Promise<boolean> {
    const [anchor] = await chain.words({ address: at.receiptAnchor, slots: [dataRoot], height })
    if (anchor === undefined || anchor === 0n) return false
    if (nonces.length === 0) return true
    const found = await chain.words({ address: at.inferenceServing, slots: nonces, height })
    return settled.every(({ nonce }, index) => (found[index] ?? 0n) >= nonce)
  }

  const head = await chain.head()
  if (!(await isShown(head))) {
    throw new ZerogError('WRONG_STATE', { message: `block ${head} does not show batch ${batch.root} anchored and settled yet` })
  }
  let shown = head
  let hidden = -1n
  for (let step = 1n; shown > 0n; step *= 2n) {
    const height = head > step ? head - step : 0n
    if (!(await isShown(height))) {
      hidden = height
      break
    }
    shown = height
  }
  while (shown - hidden > 1n) {
    const middle = (shown + hidden) / 2n
    if (await isShown(middle)) shown = middle
    else hidden = middle
  }
  return shown
}
