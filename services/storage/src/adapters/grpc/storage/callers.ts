/** Who may use the file store: the public door, people with their tools, and the layers that keep models and results in it. */
export const STORAGE_CALLERS: readonly string[] = [
  'gateway',
  'developer',
  'compute-broker',
  'compute-worker',
  'compute-auditor',
  'storage-kv',
]
