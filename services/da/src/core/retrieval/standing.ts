/** What a reader has seen of members lately, by address. Never proof against them: it only orders questions. */
export type Standing = {
  /** A row did not verify. */
  lied(address: string): void
  /** It was silent or could not be reached. */
  failed(address: string): void
  answered(address: string): void
  /** 0.01 to 1. */
  score(address: string): number
  /** Nobody waits for it before asking others. */
  isSuspect(address: string): boolean
}

const SCORE_MIN = 0.01
const SUSPECT_BELOW = 0.4
const MEMBERS_MAX = 10_000

export function createStanding(): Standing {
  const scores = new Map<string, number>()
  const score = (address: string) => scores.get(address) ?? 1
  const set = (address: string, value: number) => {
    if (value >= 1) scores.delete(address)
    else if (scores.size < MEMBERS_MAX || scores.has(address)) scores.set(address, Math.max(SCORE_MIN, value))
  }
  return {
    lied: (address) => set(address, score(address) * 0.1),
    failed: (address) => set(address, score(address) * 0.5),
    answered: (address) => set(address, score(address) * 1.5 + 0.05),
    score,
    isSuspect: (address) => score(address) < SUSPECT_BELOW,
  }
}

/**
 * Members in random order, those with more stake and better standing tending to the front (weighted sampling without replacement:
 * Efraimidis and Spirakis 2006, keys u^(1/w)).
 * @param below uniform integer in [0, bound)
 */
export function shuffleByStake(
  members: readonly { readonly address: string; readonly stake: bigint }[],
  standing: Pick<Standing, 'score'>,
  below: (bound: number) => number,
): number[] {
  const PRECISION = 2 ** 30
  const keyed = members.map(({ address, stake }, member) => {
    const uniform = (below(PRECISION) + 1) / (PRECISION + 1)
    return { member, key: Math.log(uniform) / (Number(stake) * standing.score(address)) }
  })
  return keyed.sort((a, b) => b.key - a.key).map(({ member }) => member)
}
