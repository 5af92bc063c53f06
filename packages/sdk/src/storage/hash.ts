import { createFileTreeBuilder, type FileTree, SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import { bytesToHex, type Hex } from 'viem'
import { throwIfCancelled } from '../errors.ts'
import { type OpenSource, openSource, type Source } from './source.ts'

/** The 0G root of a file, computed here; needs no network. */
export async function fileRoot(source: Source): Promise<Hex> {
  const open = await openSource(source)
  try {
    return bytesToHex((await hashSource(open)).root)
  } finally {
    await open.close()
  }
}

/** The tree of an open source: one segment in memory at a time. */
export async function hashSource(
  source: OpenSource,
  options: { readonly onBytes?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<FileTree> {
  if (source.sizeBytes === 0)
    throw new ZerogError('INVALID_ARGUMENT', { message: 'the file is empty; storage takes at least one byte' })
  const builder = createFileTreeBuilder()
  const segments = Math.ceil(source.sizeBytes / SEGMENT_BYTES)
  let done = 0
  for (let index = 0; index < segments; index++) {
    throwIfCancelled(options.signal)
    const bytes = await source.segment(index)
    builder.push(bytes)
    done += bytes.length
    options.onBytes?.(done)
  }
  return builder.finish()
}
