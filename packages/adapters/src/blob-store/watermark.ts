import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

export type Durable = { readonly segment: number; readonly offset: number }

/**
 * Remembers up to where writes were acknowledged. What lies behind it after a crash was promised to nobody and may be cut
 * off; what lies before it and is damaged is a damage. Written without a sync: a killed process leaves it exact, a power cut
 * perhaps an older one, which only makes the cut more generous.
 */
export class Watermark {
  readonly #fd: number

  constructor(folder: string) {
    const file = join(folder, 'watermark')
    this.#fd = openSync(file, existsSync(file) ? 'r+' : 'w+', 0o600)
  }

  write({ segment, offset }: Durable): void {
    const bytes = Buffer.alloc(12)
    bytes.writeUInt32BE(segment, 0)
    bytes.writeUInt32BE(offset, 4)
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
    writeSync(this.#fd, bytes, 0, 12, 0)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

export function readWatermark(folder: string): Durable | undefined {
  const file = join(folder, 'watermark')
  if (!existsSync(file)) return undefined
  const bytes = readFileSync(file)
  if (bytes.length < 12 || bytes.readUInt32BE(8) !== crc32(bytes.subarray(0, 8))) return undefined
  return { segment: bytes.readUInt32BE(0), offset: bytes.readUInt32BE(4) }
}
