import { once } from 'node:events'
import { open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { ZerogError } from '@zerog/primitives'

/** Writes to a file beside the target that is renamed when complete: a broken download never looks like a file. Returns bytes. */
export async function saveDownload(
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly to: string; readonly force: boolean; readonly out: Writable },
): Promise<number> {
  if (options.to === '-') return pipeTo(bytes, options.out)
  const target = resolve(options.to)
  if (!options.force && (await exists(target))) {
    throw new ZerogError('ALREADY_EXISTS', { message: `${options.to} exists; choose another name or pass --force` })
  }
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}.part`)
  const file = await open(partial, 'w').catch((cause: NodeJS.ErrnoException) => {
    throw cannotWrite(options.to, cause)
  })
  let written = 0
  try {
    for await (const part of bytes) {
      await file.write(part).catch((cause: NodeJS.ErrnoException) => {
        throw cannotWrite(options.to, cause)
      })
      written += part.length
    }
    await file.sync()
    await file.close()
    await rename(partial, target)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(partial, { force: true })
    throw error
  }
  return written
}

async function pipeTo(bytes: AsyncIterable<Uint8Array>, out: Writable): Promise<number> {
  let written = 0
  for await (const part of bytes) {
    written += part.length
    if (!out.write(part)) await once(out, 'drain')
  }
  return written
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function cannotWrite(path: string, cause: NodeJS.ErrnoException): ZerogError {
  if (cause.code === 'ENOSPC')
    return new ZerogError('DISK_FULL', { message: `the disk is full while writing ${path}; free space and try again`, cause })
  return new ZerogError('INVALID_ARGUMENT', { message: `cannot write ${path}: ${cause.code ?? cause.message}`, cause })
}
