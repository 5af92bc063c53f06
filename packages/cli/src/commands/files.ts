import { constants } from 'node:fs'
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ZerogError } from '@zerog/primitives'

/** Throws NOT_FOUND where the file cannot be read. */
export async function readInput(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ZerogError('NOT_FOUND', { message: `cannot read ${path}: ${cause.code ?? cause.message}`, cause })
  })
  return new Uint8Array(bytes)
}

/** Throws INVALID_ARGUMENT where `path` cannot be written: asked before anything is paid for that belongs there. */
export async function requireWritable(path: string): Promise<void> {
  const present = await stat(path).catch(() => undefined)
  if (present?.isDirectory()) throw cannotWrite(path, 'it is a folder')
  await access(present === undefined ? dirname(path) : path, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    throw cannotWrite(path, cause.code ?? cause.message, cause)
  })
}

/** Throws INVALID_ARGUMENT where the file cannot be written. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes).catch((cause: NodeJS.ErrnoException) => {
    throw cannotWrite(path, cause.code ?? cause.message, cause)
  })
}

/** For its owner's eyes only, folder included. False when something is there already: a key is never written over. */
export async function writeSecret(path: string, text: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function cannotWrite(path: string, why: string, cause?: unknown): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', {
    message: `cannot write ${path}: ${why}; name a file in a folder that exists`,
    cause,
  })
}
