import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Merges } from '../src/tokenizer.ts'
import type { ModelShape } from '../src/types.ts'
import type { TrainerState } from './state.ts'

/** One line of the loss curve: the mean over the steps since the line before. */
export type CurvePoint = { readonly step: number; readonly loss: number; readonly rate: number }

export type Checkpoint = {
  readonly shape: ModelShape
  readonly seed: number
  readonly merges: Merges
  readonly state: TrainerState
  readonly curve: readonly CurvePoint[]
}

const NAME = 'checkpoint.bin'

/** Replaces the last checkpoint at once: an interruption leaves the old one or the new one. */
export function writeCheckpoint(folder: string, { state, ...rest }: Checkpoint): void {
  mkdirSync(folder, { recursive: true })
  const arrays = [state.parameters, state.first, state.second, state.ranges]
  const header = new TextEncoder().encode(
    JSON.stringify({ ...rest, steps: state.steps, lengths: arrays.map(({ length }) => length) }),
  )
  const parts = [Uint8Array.from(new Uint8Array(new Uint32Array([header.length]).buffer)), header, ...arrays.map(bytesOf)]
  const path = join(folder, NAME)
  writeFileSync(`${path}.new`, Buffer.concat(parts))
  renameSync(`${path}.new`, path)
}

/** The last checkpoint of a folder, or undefined. */
export function readCheckpoint(folder: string): Checkpoint | undefined {
  const path = join(folder, NAME)
  if (!existsSync(path)) return undefined
  const bytes = readFileSync(path)
  const headerLength = bytes.readUInt32LE(0)
  const { steps, lengths, ...rest } = JSON.parse(bytes.subarray(4, 4 + headerLength).toString()) as Header // our own file
  let at = 4 + headerLength
  const [parameters, first, second, ranges] = lengths.map((length) => {
    at += 4 * length
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + at - 4 * length, bytes.byteOffset + at))
  }) as [Float32Array, Float32Array, Float32Array, Float32Array] // four lengths, as written
  return { ...rest, state: { parameters, first, second, ranges, steps } }
}

type Header = Omit<Checkpoint, 'state'> & { readonly steps: number; readonly lengths: readonly number[] }

function bytesOf(array: Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
