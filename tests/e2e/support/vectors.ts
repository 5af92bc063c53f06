import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type StorageVector = {
  readonly rule: 'lcg' | 'zero' | 'ascii'
  readonly size: number
  readonly root: string
  readonly segments: number
}

const root = process.env.ZEROG_FIXTURES ?? join(import.meta.dirname, '../../../../shared/fixtures')
const path = join(root, 'storage/vectors.jsonl')

/** 0G's vectors; undefined where the fixtures are not there. Fails where they are required. */
export function storageVectors(): readonly StorageVector[] | undefined {
  if (!existsSync(path)) {
    if (process.env.ZEROG_REQUIRE_FIXTURES === '1')
      throw new Error('storage/vectors.jsonl is not in the fixtures; set ZEROG_FIXTURES')
    return undefined
  }
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StorageVector)
}

export function contentOf({ rule, size }: Pick<StorageVector, 'rule' | 'size'>): Uint8Array {
  if (rule === 'ascii') return new TextEncoder().encode('hello 0g storage')
  if (rule === 'zero') return new Uint8Array(size)
  return Uint8Array.from({ length: size }, (_, index) => (31 * index + 7) & 255)
}
