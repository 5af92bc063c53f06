import { equalBytes, type Hex } from '@zerog/primitives'
import type {
  Checkpoint,
  Deletion,
  FileRecord,
  Holding,
  OutboxEvent,
  RangeRecord,
  StorageRepository,
  StoredSubmission,
} from '../../app/repository.ts'
import { fullMask } from '../../core/ranges.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { fileKeyText } from '../../core/segment-key.ts'

type Range = { readonly quorum: number; readonly holdings: Map<Hex, Holding> }
type File = { record: FileRecord; readonly ranges: Map<number, Range> }

/** The model: tests, simulation, and what the PostgreSQL repository is compared with. */
export function memoryRepository(): StorageRepository {
  let checkpoint: Checkpoint | undefined
  let fileIdLast = 0n
  const submissions = new Map<number, StoredSubmission>()
  const files = new Map<bigint, File>()
  const fileIds = new Map<string, bigint>()
  const deletions = new Map<bigint, Deletion>()
  const outbox: OutboxEvent[] = []

  const inOrder = () => [...submissions.values()].sort((a, b) => a.txSeq - b.txSeq)
  const holding = (ref: { fileId: bigint; rangeIndex: number; nodeId: Hex }) =>
    files.get(ref.fileId)?.ranges.get(ref.rangeIndex)?.holdings.get(ref.nodeId)
  const setHolding = (ref: { fileId: bigint; rangeIndex: number }, value: Holding) =>
    files.get(ref.fileId)?.ranges.get(ref.rangeIndex)?.holdings.set(value.nodeId, value)
  const rangeRecord = (rangeIndex: number, range: Range): RangeRecord => ({
    rangeIndex,
    quorum: range.quorum,
    holdings: [...range.holdings.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)),
  })
  const addFile = (key: { root: Uint8Array; sizeBytes: number }, expiresAtMs: number | undefined): FileRecord => {
    const record = { fileId: ++fileIdLast, root: key.root, sizeBytes: key.sizeBytes, expiresAtMs, finalizedAtMs: undefined }
    files.set(record.fileId, { record, ranges: new Map() })
    fileIds.set(fileKeyText(key), record.fileId)
    return record
  }
  const fileByKey = (key: { root: Uint8Array; sizeBytes: number }) => files.get(fileIds.get(fileKeyText(key)) ?? -1n)

  return {
    checkpoint: async () => checkpoint,
    async applyBlock({ from, to, submissions: added }) {
      if (checkpoint?.height !== from?.height || checkpoint?.hash !== from?.hash) return 'stale'
      checkpoint = to
      for (const submission of added) {
        if (submissions.has(submission.txSeq)) continue
        submissions.set(submission.txSeq, submission)
        const file = fileByKey(submission)
        if (file === undefined) addFile(submission, undefined)
        else file.record = { ...file.record, expiresAtMs: undefined }
      }
      return 'applied'
    },
    submission: async (txSeq) => submissions.get(txSeq),
    submissionsOf: async (root, limit) =>
      inOrder()
        .filter((submission) => equalBytes(submission.root, root))
        .slice(0, limit),
    submissionsFrom: async (txSeq, limit) =>
      inOrder()
        .filter((submission) => submission.txSeq >= txSeq)
        .slice(0, limit),
    submissionAt: async (entry) =>
      inOrder()
        .filter((submission) => submission.startEntry <= entry)
        .sort((a, b) => a.startEntry - b.startEntry)
        .at(-1),
    nextTxSeq: async () => (inOrder().at(-1)?.txSeq ?? -1) + 1,

    file: async (key) => fileByKey(key)?.record,
    fileById: async (fileId) => files.get(fileId)?.record,
    async openFile({ key, expiresAtMs, unsubmittedBytesMax }) {
      if ([...deletions.values()].some((deletion) => fileKeyText(deletion) === fileKeyText(key))) return 'deleting'
      const present = fileByKey(key)
      if (present !== undefined) return present.record
      let total = key.sizeBytes
      for (const { record } of files.values()) if (record.expiresAtMs !== undefined) total += record.sizeBytes
      return total > unsubmittedBytesMax ? 'full' : addFile(key, expiresAtMs)
    },

    async ranges(fileId) {
      const ranges = files.get(fileId)?.ranges ?? new Map<number, Range>()
      return [...ranges].sort(([a], [b]) => a - b).map(([rangeIndex, range]) => rangeRecord(rangeIndex, range))
    },
    async range(fileId, rangeIndex) {
      const range = files.get(fileId)?.ranges.get(rangeIndex)
      return range === undefined ? undefined : rangeRecord(rangeIndex, range)
    },
    async placeRange({ fileId, rangeIndex, quorum, nodeIds }) {
      const file = files.get(fileId)
      if (file === undefined) return undefined
      let range = file.ranges.get(rangeIndex)
      if (range === undefined) {
        range = { quorum, holdings: new Map(nodeIds.map((nodeId) => [nodeId, { nodeId, stored: 0n, receipt: undefined }])) }
        file.ranges.set(rangeIndex, range)
      }
      return rangeRecord(rangeIndex, range)
    },
    async recordStored(marks) {
      return marks.map((mark) => {
        const present = holding(mark)
        if (present === undefined) return undefined
        const stored = present.stored | mark.segments
        setHolding(mark, { ...present, stored })
        return stored
      })
    },
    async clearStored(mark) {
      const present = holding(mark)
      if (present === undefined) return
      setHolding(mark, { ...present, stored: present.stored & ~mark.segments, receipt: undefined })
    },
    async saveReceipt(receipt) {
      const present = holding(receipt)
      if (present === undefined || present.stored !== receipt.segments) return
      setHolding(receipt, { ...present, receipt: { signature: receipt.signature, issuedAtMs: receipt.issuedAtMs } })
    },
    async addHolding({ fileId, rangeIndex, nodeId }) {
      const holdings = files.get(fileId)?.ranges.get(rangeIndex)?.holdings
      if (holdings?.has(nodeId) === false) holdings.set(nodeId, { nodeId, stored: 0n, receipt: undefined })
    },
    async replaceHolding({ fileId, rangeIndex, nodeId, by }) {
      const holdings = files.get(fileId)?.ranges.get(rangeIndex)?.holdings
      if (holdings === undefined || !holdings.delete(nodeId) || holdings.has(by)) return
      holdings.set(by, { nodeId: by, stored: 0n, receipt: undefined })
    },

    async finalize({ fileId, finalizedAtMs, event }) {
      const file = files.get(fileId)
      if (file === undefined || file.record.finalizedAtMs !== undefined) return false
      file.record = { ...file.record, finalizedAtMs }
      outbox.push(event)
      return true
    },
    unfinished: async (after, limit) =>
      [...files.values()]
        .map((file) => file.record)
        .filter((file) => file.expiresAtMs === undefined && file.finalizedAtMs === undefined && file.fileId > after)
        .slice(0, limit),
    async incomplete(limit) {
      const found = []
      for (const { record, ranges } of files.values()) {
        if (record.finalizedAtMs === undefined) continue
        const segmentCount = segmentCountOf(record.sizeBytes)
        for (const [rangeIndex, { holdings }] of ranges) {
          for (const { nodeId, stored } of holdings.values()) {
            if (stored !== fullMask(segmentCount, rangeIndex)) found.push({ fileId: record.fileId, rangeIndex, nodeId, stored })
          }
        }
      }
      return found.slice(0, limit)
    },
    async holders() {
      const all = [...files.values()].flatMap(({ ranges }) =>
        [...ranges.values()].flatMap(({ holdings }) => [...holdings.keys()]),
      )
      return [...new Set(all)].sort()
    },
    async heldBy(nodeId, limit) {
      const found = []
      for (const { record, ranges } of files.values()) {
        if (record.finalizedAtMs === undefined) continue
        for (const [rangeIndex, { holdings }] of ranges) {
          if (holdings.has(nodeId)) found.push({ fileId: record.fileId, rangeIndex, nodeId })
        }
      }
      return found.slice(0, limit)
    },
    async thin(replicas, limit) {
      const found = []
      for (const { record, ranges } of files.values()) {
        if (record.finalizedAtMs === undefined) continue
        for (const [rangeIndex, { holdings }] of ranges) {
          if (holdings.size < replicas) found.push({ fileId: record.fileId, rangeIndex })
        }
      }
      return found.slice(0, limit)
    },

    async expire(nowMs, limit) {
      const expired = [...files.values()].filter(({ record }) => record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs)
      for (const { record, ranges } of expired.slice(0, limit)) {
        const nodeIds = [...new Set([...ranges.values()].flatMap((range) => [...range.holdings.keys()]))]
        files.delete(record.fileId)
        fileIds.delete(fileKeyText(record))
        if (nodeIds.length > 0) {
          deletions.set(record.fileId, { fileId: record.fileId, root: record.root, sizeBytes: record.sizeBytes, nodeIds })
        }
      }
      return Math.min(expired.length, limit)
    },
    deletions: async (limit) => [...deletions.values()].slice(0, limit),
    async finishDeletion(fileId, nodeIds) {
      const deletion = deletions.get(fileId)
      if (deletion === undefined) return
      const rest = deletion.nodeIds.filter((nodeId) => !nodeIds.includes(nodeId))
      if (rest.length === 0) deletions.delete(fileId)
      else deletions.set(fileId, { ...deletion, nodeIds: rest })
    },

    outbox: async (limit) => outbox.slice(0, limit),
    async clearOutbox(ids) {
      for (const id of ids) {
        const at = outbox.findIndex((event) => event.id === id)
        if (at >= 0) outbox.splice(at, 1)
      }
    },
  }
}
