import type { ReceiptRecord } from './repository.ts'

/** Receipts whose users promised to acknowledge them, so that an acknowledgement needs no read. The oldest give way. */
export function createAwaited(options: { readonly entriesMax: number }) {
  const records = new Map<string, Pick<ReceiptRecord, 'receipt' | 'receiptHash'>>()
  return {
    add({ id, receipt, receiptHash }: ReceiptRecord): void {
      if (records.size >= options.entriesMax) {
        const oldest = records.keys().next().value
        if (oldest !== undefined) records.delete(oldest)
      }
      records.set(id, { receipt, receiptHash })
    },
    get: (id: string) => records.get(id),
    remove: (id: string) => records.delete(id),
  }
}
