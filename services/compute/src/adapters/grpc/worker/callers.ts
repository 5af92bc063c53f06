/** Who may run models: the broker of the same provider, auditors that execute again, and people with their tools. */
export const WORKER_CALLERS: readonly string[] = ['compute-broker', 'compute-auditor', 'developer']
