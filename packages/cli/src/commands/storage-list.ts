import { getFileInfo, getNodeStatus } from '@zerog/sdk'
import type { ActionContext } from '../action.ts'
import { table } from '../output/output.ts'
import { readingClient } from './client.ts'
import { formatBytes } from './values.ts'

/** Entries by submission index, as the storage layer knows them. */
export async function listFiles(context: ActionContext, options: { readonly from: number; readonly limit: number }) {
  const client = await readingClient(context)
  const { nextSubmissionIndex } = await getNodeStatus(client)
  const end = Math.min(Number(nextSubmissionIndex), options.from + options.limit)
  const files = []
  for (let index = options.from; index < end; index++) {
    const info = await getFileInfo(client, { submissionIndex: BigInt(index) }, { signal: context.signal })
    if (info !== undefined) files.push(info)
  }
  const rows = files.map((file) => [
    String(file.submissionIndex),
    file.root,
    formatBytes(file.sizeBytes),
    file.pruned ? 'pruned' : file.finalized ? 'finalized' : `${file.segmentsUploaded} segments`,
  ])
  return {
    data: { total: nextSubmissionIndex, files },
    text:
      rows.length === 0
        ? 'no files yet; zerog storage cp <file> zg:// stores one'
        : table(['index', 'root', 'size', 'state'], rows),
  }
}
