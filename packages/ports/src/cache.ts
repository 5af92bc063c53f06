/** Never truth: an empty cache costs time only. */
export interface Cache {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string, ttlMs: number): Promise<void>
  delete(key: string): Promise<void>
  /** Raises the number at `key` to `value` if that is higher; returns the highest seen. Shared and monotone while the ttl lasts. */
  raise(key: string, value: bigint, ttlMs: number): Promise<bigint>
  /** Adds to the counter of a fixed window; returns the count in the current window. The caller compares it with its limit. */
  count(key: string, by: number, windowMs: number): Promise<number>
  ping(): Promise<void>
  close(): Promise<void>
}
