import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '@zerog/ports'
import { createFileTreeBuilder, fileTreeOfStream, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { StorageServiceDefinition } from '@zerog/proto/storage'
import { LIMITS } from '../../limits.ts'

export type ModelFile = { readonly path: string; readonly root: Hex; readonly sizeBytes: number }

export type ModelSource = { readonly root?: string | undefined; readonly path?: string | undefined }

/**
 * The file of a model on this disk with its root proven. From `path`, else from the cache below `dataDir`, else out of storage; bytes
 * that do not have the root are never handed out. Throws CONFIG_INVALID, NOT_FOUND, VERIFICATION_FAILED.
 */
export async function modelFile(
  source: ModelSource,
  deps: {
    readonly dataDir: string
    readonly storage: Client<StorageServiceDefinition>
    readonly signal: AbortSignal
  },
): Promise<ModelFile> {
  const { path } = source
  const root = source.root?.toLowerCase() as Hex | undefined // the config's pattern
  if (path !== undefined) return checkedFile(path, root)
  if (root === undefined) {
    throw new ZerogError('CONFIG_INVALID', { message: 'a model needs the root of its file in storage, or a path' })
  }
  const folder = join(deps.dataDir, 'models')
  const cached = join(folder, root.slice(2))
  if (await exists(cached)) {
    try {
      return await checkedFile(cached, root)
    } catch (error) {
      if (!(error instanceof ZerogError && error.reason === 'VERIFICATION_FAILED')) throw error
      await rm(cached)
    }
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const partial = `${cached}.part`
  try {
    const sizeBytes = await download(deps.storage, { root, to: partial, signal: deps.signal })
    await rename(partial, cached)
    return { path: cached, root, sizeBytes }
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

async function download(
  storage: Client<StorageServiceDefinition>,
  { root, to, signal }: { readonly root: Hex; readonly to: string; readonly signal: AbortSignal },
): Promise<number> {
  const tree = createFileTreeBuilder()
  const file = await open(to, 'w', 0o600)
  let sizeBytes = 0
  try {
    const request = { file: { ref: { $case: 'root' as const, value: Buffer.from(fromHex(root, 32)) } }, offset: 0n, length: 0n }
    for await (const { chunk } of storage.readFile(request, { signal })) {
      sizeBytes += chunk.length
      if (sizeBytes > LIMITS.worker.modelBytesMax) throw tooLarge(sizeBytes)
      tree.push(chunk)
      await file.write(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  if (sizeBytes === 0) throw new ZerogError('NOT_FOUND', { message: `storage has no bytes for model ${root}` })
  requireRoot(toHex(tree.finish().root), root)
  return sizeBytes
}

async function checkedFile(path: string, wanted: Hex | undefined): Promise<ModelFile> {
  const facts = await stat(path).catch((cause) => {
    throw new ZerogError('NOT_FOUND', { message: `there is no model file ${path}`, cause })
  })
  if (facts.size === 0 || facts.size > LIMITS.worker.modelBytesMax) throw tooLarge(facts.size)
  const root = toHex((await fileTreeOfStream(createReadStream(path))).root)
  if (wanted !== undefined) requireRoot(root, wanted)
  return { path, root, sizeBytes: facts.size }
}

function requireRoot(got: Hex, wanted: Hex): void {
  if (got === wanted) return
  throw new ZerogError('VERIFICATION_FAILED', {
    message: `the bytes of the model have root ${got}, not ${wanted}; they are not used`,
    metadata: { got, wanted },
  })
}

function tooLarge(sizeBytes: number): ZerogError {
  return new ZerogError('LIMIT_EXCEEDED', { message: `a model file of ${sizeBytes} bytes is beyond what a worker takes` })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
