import { SEGMENT_BYTES, ZerogError } from '@zerog/primitives'

/** What can be uploaded. A stream is read once; only what the network needs twice is kept (on disk where there is one). */
export type Source = Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | { readonly path: string }

/** A source that can be read again from any place. */
export type OpenSource = {
  readonly sizeBytes: number
  /** At most SEGMENT_BYTES bytes of segment `index`. */
  readonly segment: (index: number) => Promise<Uint8Array>
  readonly close: () => Promise<void>
}

export async function openSource(source: Source): Promise<OpenSource> {
  if (source instanceof Uint8Array) return inMemory(source)
  if (source instanceof Blob) return ofBlob(source)
  if ('path' in source) return ofFile(source.path)
  return ofBlob(await spool(source))
}

function inMemory(bytes: Uint8Array): OpenSource {
  return {
    sizeBytes: bytes.length,
    segment: async (index) => bytes.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES),
    close: async () => {},
  }
}

function ofBlob(blob: Blob): OpenSource {
  return {
    sizeBytes: blob.size,
    segment: async (index) => new Uint8Array(await blob.slice(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES).arrayBuffer()),
    close: async () => {},
  }
}

/** A stream of unknown length becomes a blob: browsers move large ones to disk. */
async function spool(source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Blob> {
  const parts: Blob[] = []
  let pending: Uint8Array<ArrayBuffer>[] = []
  let pendingBytes = 0
  const seal = (): void => {
    parts.push(new Blob(pending))
    pending = []
    pendingBytes = 0
  }
  for await (const chunk of iterate(source)) {
    pending.push(new Uint8Array(chunk))
    pendingBytes += chunk.length
    if (pendingBytes >= 16 * SEGMENT_BYTES) seal()
  }
  seal()
  return new Blob(parts)
}

async function* iterate(source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (Symbol.asyncIterator in source) return yield* source
  // `as`: browsers whose streams cannot be iterated yet still have a reader; the types know only the modern form.
  const reader = (source as ReadableStream<Uint8Array>).getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    reader.releaseLock()
  }
}

async function ofFile(path: string): Promise<OpenSource> {
  // Asked for at run time so that bundlers for browsers find no node module here.
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises')
  if (fs === undefined) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: 'a path can only be uploaded where there is a file system; pass the File or Blob',
    })
  }
  const handle = await fs.open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'NOT_FOUND' : 'INVALID_ARGUMENT'
    throw new ZerogError(reason, { message: `cannot read ${path}: ${cause.code ?? cause.message}`, cause })
  })
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw new ZerogError('INVALID_ARGUMENT', { message: `${path} is not a file; pack a folder into an archive first` })
  }
  return {
    sizeBytes: stat.size,
    segment: async (index) => {
      const length = Math.min(SEGMENT_BYTES, stat.size - index * SEGMENT_BYTES)
      const buffer = new Uint8Array(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, index * SEGMENT_BYTES + filled)
        if (bytesRead === 0) throw new ZerogError('WRONG_STATE', { message: `${path} shrank while it was read` })
        filled += bytesRead
      }
      return buffer
    },
    close: () => handle.close(),
  }
}
