import { feeMax, type Price } from '../broker/price.ts'
import type { Routing } from '../openai/request.ts'
import { type Health, isUsable, latencyMs } from './health.ts'

/** One model of one provider, as chain and probes know it. */
export type Offer = {
  /** Lower case address. */
  readonly provider: string
  readonly model: string
  readonly price: Price
  /** The provider registered answers that can be executed again. */
  readonly reExecutable: boolean
  readonly health: Health
}

/** What the request can use at most, for comparing prices. */
export type Size = { readonly promptTokens: number; readonly completionTokens: number }

/**
 * Whom to ask, best first. Named order wins, then whoever is healthy, then price or latency; equal offers are dealt by `draw` so that
 * load spreads. Providers that are down come last instead of never: when all are, somebody must be tried.
 */
export function chooseOffers<Known extends Offer>(
  offers: readonly Known[],
  request: { readonly routing: Routing; readonly size: Size },
  { nowMs, draw }: { readonly nowMs: number; readonly draw: (bound: number) => number },
): readonly Known[] {
  const { only, order, sort, reExecutable } = request.routing
  const allowed = offers.filter(
    (offer) => (only.length === 0 || only.includes(offer.provider)) && (!reExecutable || offer.reExecutable),
  )
  if (allowed.length < 2) return allowed
  const ranked = allowed.map((offer) => {
    const place = order.indexOf(offer.provider)
    return {
      offer,
      place: place < 0 ? order.length : place,
      down: isUsable(offer.health, nowMs) ? 0 : 1,
      fee: feeMax(offer.price, request.size.promptTokens, request.size.completionTokens),
      latency: latencyMs(offer.health),
      lot: draw(2 ** 30),
    }
  })
  ranked.sort((a, b) => {
    if (a.down !== b.down) return a.down - b.down
    if (a.place !== b.place) return a.place - b.place
    if (sort === 'latency' && !alike(a.latency, b.latency)) return a.latency - b.latency
    if (a.fee !== b.fee) return a.fee < b.fee ? -1 : 1
    if (!alike(a.latency, b.latency)) return a.latency - b.latency
    return a.lot - b.lot
  })
  return ranked.map(({ offer }) => offer)
}

/** Differences that no person notices spread the load instead of sending everybody to one; buckets keep the order transitive. */
function alike(a: number, b: number): boolean {
  return bucket(a) === bucket(b)
}

/** Up to 16 ms, then steps of a factor of four. */
function bucket(ms: number): number {
  return Math.floor(Math.log2(Math.max(16, ms) / 16) / 2)
}
