/** Who may publish blobs and follow them: the public door, people with their tools, and the layers that prove what they did. */
export const DISPERSER_CALLERS: readonly string[] = ['gateway', 'developer', 'compute-broker', 'compute-auditor']
