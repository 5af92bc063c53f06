import { ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import type { World } from './world.ts'

/** What a store asks of the disk below it. */
export type DiskPort = {
  readonly world: World
  readonly prng: Prng
  readonly syncUs: () => number
  readonly readUs: () => number
  /** The place of a possible crash: true if the life that called ended right here. */
  readonly crashesHere: (life: Incarnation) => boolean
}

export function diskFull(store: string): ZerogError {
  return new ZerogError('DISK_FULL', {
    message: `store ${store} has no space left; free some`,
    metadata: { store, code: 'ENOSPC' },
  })
}

export function ioError(store: string): ZerogError {
  return new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `store ${store} could not be synced (EIO); nothing written since the last sync is certain, restart the process`,
    metadata: { store, code: 'EIO' },
  })
}

export function recordCorrupt(store: string, where: Readonly<Record<string, string>>): ZerogError {
  const place = Object.entries(where).map(([name, value]) => `${name} ${value}`)
  return new ZerogError('RECORD_CORRUPT', {
    message: `a record of store ${store} is damaged: ${place.join(', ')}`,
    metadata: { store, ...where },
  })
}
