import type { ProcessId } from './process-id.ts'

/** A running devnet, in whichever shape. */
export type RunningDevnet = {
  /** Of the gateway. */
  readonly faces: Readonly<Record<string, string>>
  /** For endpoints.json, by name of instance. */
  readonly services: () => Readonly<Record<string, { readonly grpc?: string; readonly admin?: string; readonly pid: number }>>
  /** Processes beside the launcher's own. */
  readonly processes: () => readonly ProcessId[]
  readonly stop: () => Promise<void>
  /** Resolves when it ended without being asked, with why; never while it runs. */
  readonly failed: Promise<unknown>
}
