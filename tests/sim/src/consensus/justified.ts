import type { Effect, VoterState } from '@zerog/consensus'

/**
 * What makes agreement hold: an honest validator notarizes a block that it stored, on a certified parent, with every view between given up.
 * A quorum that breaks this in one view breaks agreement with luck only, so the votes are watched and not their outcome alone.
 */
export function checkJustified(node: number, state: VoterState, effects: readonly Effect[]): void {
  const settled = Math.max(state.finalized.view, state.finalization?.ballot.view ?? 0)
  for (const [index, effect] of effects.entries()) {
    if (effect.type !== 'persist' || effect.record.type !== 'vote' || effect.record.ballot.kind !== 'notarize') continue
    const { view, parentView, blockHash } = effect.record.ballot
    if (!effects.slice(0, index).some((before) => before.type === 'store' && before.block.hash === blockHash))
      throw new Error(`honest node ${node} notarized view ${view} before it stored the block`)
    if (parentView > settled && state.views.get(parentView)?.execution !== 'valid')
      throw new Error(`honest node ${node} notarized view ${view} on view ${parentView}, which it has not certified`)
    for (let between = Math.max(parentView, settled) + 1; between < view; between++) {
      if (state.views.get(between)?.certificates.nullify) continue
      throw new Error(`honest node ${node} notarized view ${view} on view ${parentView}, view ${between} was not given up`)
    }
  }
}
