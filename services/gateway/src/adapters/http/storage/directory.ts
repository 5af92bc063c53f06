import { keccak256Text } from './keccak-text.ts'

/** A member of a directory as 0G's Go client encodes it (transfer/dir). */
export type DirectoryNode = {
  readonly name: string
  readonly type: string
  readonly roots: readonly string[]
  readonly size: number
  readonly link: string | undefined
  readonly entries: readonly DirectoryNode[]
}

const MAGIC = keccak256Text('0g-storage-client-dir-codec')
const VERSIONS = new Set([1, 2])
const DEPTH_MAX = 64

/** Magic (32) | version (u16, big-endian) | JSON tree. undefined for anything else. */
export function decodeDirectory(bytes: Uint8Array): DirectoryNode | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (buffer.length < 34 || !buffer.subarray(0, 32).equals(MAGIC) || !VERSIONS.has(buffer.readUInt16BE(32))) return undefined
  try {
    return readNode(JSON.parse(buffer.subarray(34).toString('utf8')), 0)
  } catch {
    return undefined
  }
}

/** Follows a path below the root node; empty and `.` parts are skipped, `..` leads nowhere. */
export function locate(root: DirectoryNode, path: string): DirectoryNode | undefined {
  let node: DirectoryNode | undefined = root
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    node = node?.type === 'directory' ? node.entries.find((entry) => entry.name === part) : undefined
  }
  return node
}

function readNode(value: unknown, depth: number): DirectoryNode | undefined {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return undefined
  const { name, type, hash, roots, size, link, entries } = value as Record<string, unknown> // an object was just checked
  if (typeof type !== 'string') return undefined
  const list = Array.isArray(roots) ? roots : typeof hash === 'string' ? [hash] : []
  const children = Array.isArray(entries) ? entries.map((entry) => readNode(entry, depth + 1)) : []
  if (list.some((root) => typeof root !== 'string') || children.includes(undefined)) return undefined
  return {
    name: typeof name === 'string' ? name : '',
    type,
    roots: list,
    size: typeof size === 'number' ? size : 0,
    link: typeof link === 'string' ? link : undefined,
    entries: children as DirectoryNode[], // no undefined, checked above
  }
}
