import { statfsSync } from 'node:fs'
import type { Meter } from '@zerog/ports'

/** Room on the file system of a target's folder, asked for at every scrape: one system call. */
export function observeDisk(meter: Meter, dataDir: string): void {
  const read = (pick: (of: { readonly bavail: number; readonly blocks: number; readonly bsize: number }) => number) => () => {
    try {
      return pick(statfsSync(dataDir))
    } catch {
      // The folder went away, which is no reason to lose all other values.
      return Number.NaN
    }
  }
  meter.gauge({
    name: 'zerog_runtime_disk_free_bytes',
    help: "Bytes that may still be written to the file system of this target's folder.",
    read: read(({ bavail, bsize }) => bavail * bsize),
  })
  meter.gauge({
    name: 'zerog_runtime_disk_size_bytes',
    help: "Size of the file system of this target's folder.",
    read: read(({ blocks, bsize }) => blocks * bsize),
  })
}
