import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { createZerogClient, downloadBytes, gatewayEndpoints } from '@zerog/sdk'
import { processesOf, zerog } from '../../e2e/devnet.ts'
import { copyOf } from './campaign.ts'
import type { ServedAnswers } from './served.ts'
import { describe, type Verdict } from './verdict.ts'

/** The same with everything around it: starts a copy of the whole folder with the damage, uses it, stops it, asks the doctor. */
export async function judgeWholeDevnet(
  dataDir: string,
  answers: ServedAnswers,
  damage: (copy: string) => string,
): Promise<{ readonly place: string; readonly verdict: Verdict }> {
  const copy = copyOf(dataDir, `${dataDir}-copy`)
  const place = damage(copy)
  try {
    return { place, verdict: await judge(copy, answers) }
  } finally {
    await zerog(['down', '--data-dir', copy])
    await rm(copy, { recursive: true, force: true })
  }
}

async function judge(copy: string, answers: ServedAnswers): Promise<Verdict> {
  const up = await zerog(['up', '--detach', '--json', '--port', '0', '--data-dir', copy])
  const used = up.code === 0 ? await use(up.json().data.endpoints.gatewayUrl, answers) : undefined
  if (used?.kind === 'WRONG') return used
  await zerog(['down', '--data-dir', copy])
  const left = processesOf(copy)
  if (left.length > 0) return { kind: 'WRONG', detail: `processes ${left.join(', ')} are left` }
  const told = up.code === 0 ? '' : String(up.json().error?.message ?? up.err)
  if (up.code !== 0 && !/\.(kv|blobs)|chain\//.test(told))
    return { kind: 'WRONG', detail: `the start failed and names no store: ${told}` }
  const rebuild = `${told} ${logOf(copy)}`.includes('zerog chain rebuild')
  const doctor = await zerog(['doctor', '--deep', '--json', '--data-dir', copy])
  const failed = (doctor.json().data.checks as { name: string; state: string; detail: string }[]).filter(
    ({ state }) => state === 'failed',
  )
  const detail = [told, used?.detail, ...failed.map((check) => `${check.name}: ${check.detail}`)].filter(Boolean).join(' | ')
  if (rebuild) return { kind: 'stopped', detail }
  if (failed.length === 0)
    return up.code === 0 && used?.kind === 'unchanged' ? used : { kind: 'WRONG', detail: `the doctor finds nothing: ${detail}` }
  if (up.code !== 0) return { kind: 'refused store', detail }
  return { kind: used?.kind === 'refused' ? 'refused' : 'found', detail }
}

/** Through the public door: the block that was the head, and the whole file. */
async function use(gatewayUrl: string, answers: ServedAnswers): Promise<Verdict> {
  const client = createZerogClient({ endpoints: gatewayEndpoints(gatewayUrl) })
  try {
    const { stateRoot } = (await client.transport.request('rpc', {
      method: 'eth_getBlockByNumber',
      params: [answers.account.height, false],
    })) as {
      stateRoot: string
    }
    if (stateRoot !== answers.account.stateRoot)
      return { kind: 'WRONG', detail: `the state of block ${answers.account.height} is ${stateRoot}` }
    const bytes = await downloadBytes(client, answers.root)
    const same = Buffer.compare(bytes, answers.bytes) === 0
    return same ? { kind: 'unchanged', detail: '' } : { kind: 'WRONG', detail: 'the file came back with other bytes' }
  } catch (error) {
    return error instanceof ZerogError
      ? { kind: 'refused', detail: `${error.reason}: ${error.message}` }
      : { kind: 'WRONG', detail: describe(error) }
  }
}

function logOf(copy: string): string {
  try {
    return readFileSync(join(copy, 'logs/devnet.log'), 'utf8')
  } catch {
    return ''
  }
}
