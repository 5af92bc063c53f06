import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFolder, segmentBlobStore, verifyKv } from '@zerog/adapters'
import { toHex, ZerogError } from '@zerog/primitives'
import type { Check } from '../doctor/doctor.ts'
import type { ActionContext } from '../program.ts'
import { devnetDir } from '../settings/paths.ts'

/** Findings per store that are told one by one; more are counted. */
const FINDINGS_MAX = 5

/**
 * Reads every record and every stored segment of a stopped devnet and checks its checksum. One result per store; a damaged one
 * names table and key, or the segment's key.
 */
export async function verifyData(context: ActionContext): Promise<readonly Check[]> {
  const dataDir = devnetDir(context.env, context.flags.dataDir)
  let release: () => void
  try {
    release = lockFolder(dataDir)
  } catch (error) {
    if (!(error instanceof ZerogError) || error.reason !== 'DATA_FOLDER_IN_USE') throw error
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
      checks.push({ name, ...(path.endsWith('.kv') ? verifyRecords(path) : await verifyBlobs(path, context.signal)) })
    }
    return checks.length > 0 ? checks : [{ name: 'stored data', state: 'skipped', detail: `nothing is stored in ${dataDir}` }]
  } finally {
    release()
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
    remedy: 'restore the folder from a backup, or start again with zerog up --reset',
  }
}
