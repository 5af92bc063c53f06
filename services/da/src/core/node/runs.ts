/** Places of one pack that are read together, and those of them that were asked for. */
export type Run = { readonly first: number; readonly count: number; readonly places: readonly number[] }

/**
 * Places that lie close together become one read: what lies between them costs less than a read of its own, since a store reads and verifies
 * whole blocks. Never across packs.
 * @param places ascending, without repetition
 */
export function runsOf(
  places: readonly number[],
  limits: {
    readonly rowsPerPack: number
    /** Rows of one read. */
    readonly rowsMax: number
    /** Rows between two wanted ones that are read along. */
    readonly gapRowsMax: number
  },
): readonly Run[] {
  const runs: { first: number; count: number; places: number[] }[] = []
  for (const place of places) {
    const last = runs.at(-1)
    const count = last === undefined ? 0 : place - last.first + 1
    const close = last !== undefined && count - last.count - 1 <= limits.gapRowsMax && count <= limits.rowsMax
    const samePack = last !== undefined && Math.floor(last.first / limits.rowsPerPack) === Math.floor(place / limits.rowsPerPack)
    if (close && samePack) {
      last.count = count
      last.places.push(place)
    } else runs.push({ first: place, count: 1, places: [place] })
  }
  return runs
}
