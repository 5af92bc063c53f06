import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFolder, segmentBlobStore, verifyKv } from '@zerog/adapters'
import type { StoredChain } from '@zerog/chain'
import { toHex, ZerogError } from '@zerog/primitives'
import { silentLogger } from '@zerog/runtime'
import type { ActionContext } from '../action.ts'
import type { Check } from '../doctor/doctor.ts'
import { devnetDir } from '../settings/paths.ts'
import { furtherAccounts } from './accounts.ts'
import { readGenesis } from './data-folder.ts'
import { DEVNET_CHAIN_ID } from './settings.ts'

/** Findings per store that are told one by one; more are counted. */
const FINDINGS_MAX = 5
const REMEDY = 'restore the folder from a backup, or start again with zerog up --reset'

/**
 * Reads every record and every stored segment of a stopped devnet and checks its checksum; chains are also checked block by
 * block down to the state. One result per store; a damaged one names table and key, or the segment's key.
 */
export async function verifyData(context: ActionContext): Promise<readonly Check[]> {
  const dataDir = devnetDir(context.env, context.flags.dataDir)
  const release = takeStopped(dataDir)
  if (release === undefined) {
    return [
      {
        name: 'stored data',
        state: 'skipped',
        detail: 'the devnet runs; --deep reads a stopped one',
        remedy: 'zerog down, then zerog doctor --deep',
      },
    ]
  }
  try {
    const checks: Check[] = []
    for (const { name, path } of await storesBelow(join(dataDir, 'targets'))) {
      context.signal.throwIfAborted()
      const outcome = path.endsWith('.kv') ? verifyRecords(path) : await verifyBlobs(path, context.signal)
      checks.push({ name, ...outcome })
      if (outcome.state !== 'ok' || !path.endsWith('chain.kv')) continue
      checks.push({ name: `${name} as a chain`, ...(await verifyBlocks(dataDir, path, context.signal)) })
    }
    return checks.length > 0 ? checks : [{ name: 'stored data', state: 'skipped', detail: `nothing is stored in ${dataDir}` }]
  } finally {
    release()
  }
}

/** `zerog chain rebuild`: writes the state of validator and replicas again from their stored blocks. */
export async function rebuildStoredChains(
  context: ActionContext,
  onProgress: (progress: { readonly store: string; readonly height: bigint; readonly headHeight: bigint }) => void,
): Promise<readonly { readonly store: string; readonly blocks: bigint }[]> {
  const dataDir = devnetDir(context.env, context.flags.dataDir)
  const release = takeStopped(dataDir)
  if (release === undefined) {
    throw new ZerogError('DATA_FOLDER_IN_USE', {
      message: `the devnet in ${dataDir} runs; stop it with zerog down before its state is rebuilt`,
    })
  }
  try {
    const rebuilt: { store: string; blocks: bigint }[] = []
    for (const { name, path } of await storesBelow(join(dataDir, 'targets'))) {
      if (!path.endsWith('chain.kv')) continue
      const { blocks } = await withChain(dataDir, path, context.signal, async (chain) => {
        const { rebuildChain } = await import('@zerog/chain')
        return rebuildChain(chain, (at) => onProgress({ store: name, ...at }))
      })
      rebuilt.push({ store: name, blocks })
    }
    if (rebuilt.length === 0) throw new ZerogError('NOT_FOUND', { message: `there is no chain in ${dataDir}` })
    return rebuilt
  } finally {
    release()
  }
}

/** undefined while a devnet runs there. */
function takeStopped(dataDir: string): (() => void) | undefined {
  try {
    return lockFolder(dataDir)
  } catch (error) {
    if (error instanceof ZerogError && error.reason === 'DATA_FOLDER_IN_USE') return undefined
    throw error
  }
}

async function withChain<T>(
  dataDir: string,
  path: string,
  signal: AbortSignal,
  work: (chain: StoredChain) => Promise<T>,
): Promise<T> {
  const [{ lmdbKv }, { chainRpcModule }, genesis] = await Promise.all([
    import('@zerog/adapters'),
    import('@zerog/chain'),
    readGenesis(dataDir),
  ])
  const { chainOnly = false, baseFee = 'constant', accounts = 10, daNodes = 4 } = genesis ?? {}
  const kv = await lmdbKv({ path, name: 'chain', logger: silentLogger })
  try {
    const config = chainRpcModule.config.parse({
      chainOnly,
      baseFee,
      daMembers: chainOnly ? 0 : daNodes,
      fundedAccounts: furtherAccounts(accounts),
    })
    const chain = { kv, chainId: BigInt(DEVNET_CHAIN_ID), config, signal }
    const done = await work(chain)
    await kv.flush()
    return done
  } finally {
    await kv.close()
  }
}

async function verifyBlocks(dataDir: string, path: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const { verifyStoredChain } = await import('@zerog/chain')
    const found = await withChain(dataDir, path, signal, (chain) => verifyStoredChain(chain, { deep: true }))
    if (found.problems.length > 0) {
      const { detail } = damaged(found.problems.map(({ table, key, problem }) => `table ${table} key ${key}: ${problem}`))
      return { state: 'failed', detail, remedy: found.remedy ?? REMEDY }
    }
    return {
      state: 'ok',
      detail: `${found.blocks} blocks to height ${found.headHeight}, ${found.stateRecords} state records follow from them`,
    }
  } catch (error) {
    // A store of another release is whole; nothing can repair it, and nothing has to.
    if (error instanceof ZerogError && error.reason === 'WRONG_STATE') return { state: 'failed', detail: error.message }
    return damaged([error instanceof Error ? error.message : String(error)])
  }
}

async function storesBelow(folder: string): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const stores: { name: string; path: string }[] = []
  for (const target of (await readdir(folder).catch(() => [])).sort()) {
    for (const store of (await readdir(join(folder, target)).catch(() => [])).sort()) {
      if (store.endsWith('.kv') || store.endsWith('.blobs'))
        stores.push({ name: `${target}/${store}`, path: join(folder, target, store) })
    }
  }
  return stores
}

type Outcome = Omit<Check, 'name'>

function verifyRecords(path: string): Outcome {
  const release = lockFolder(path)
  try {
    const { recordCount, damage } = verifyKv(path)
    if (damage.length === 0) return { state: 'ok', detail: `${recordCount} records, every checksum right` }
    const findings = damage.map(
      ({ table, key, problem }) =>
        `${table === undefined ? '' : `table ${table} key ${key === undefined ? '?' : toHex(key)}: `}${problem}`,
    )
    return damaged(findings)
  } catch (error) {
    return damaged([error instanceof Error ? error.message : String(error)])
  } finally {
    release()
  }
}

async function verifyBlobs(path: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const store = segmentBlobStore({ path })
    try {
      const findings: string[] = []
      for await (const { key, problem } of store.scrub(signal)) findings.push(`key ${toHex(key)}: ${problem}`)
      const { count, sizeBytes } = store.stats()
      return findings.length === 0
        ? { state: 'ok', detail: `${count} values, ${sizeBytes} bytes, every checksum right` }
        : damaged(findings)
    } finally {
      await store.close()
    }
  } catch (error) {
    return damaged([error instanceof Error ? error.message : String(error)])
  }
}

function damaged(findings: readonly string[]): Outcome {
  const more = findings.length > FINDINGS_MAX ? ` and ${findings.length - FINDINGS_MAX} more` : ''
  return {
    state: 'failed',
    detail: `damaged: ${findings.slice(0, FINDINGS_MAX).join('; ')}${more}`,
    remedy: REMEDY,
  }
}
