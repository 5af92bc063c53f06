import { chmod, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A file that only its owner reads, whole or not there at all, and durable when this resolves: first its bytes, then its name. For keys, which
 * must survive the first thing that was signed with them.
 */
export async function createSecretFile(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  // The mode of `open` holds for new files only.
  await chmod(temporary, 0o600)
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
