import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** UTF-8 in memory of its own, so that it equals any other Uint8Array of the same bytes. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** A fresh folder with mode 0700 and what removes it. */
export function temporaryFolder(label: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `zerog-${label}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
