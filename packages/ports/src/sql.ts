export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Date
  | null
  | readonly (string | number | bigint | Uint8Array)[]

/** PostgreSQL. int8 columns come back as bigint, bytea as Uint8Array, timestamptz as Date. Repositories are built on this. */
export interface SqlSession {
  query<Row extends Record<string, unknown>>(
    text: string,
    values?: readonly SqlValue[],
    options?: {
      /** Plans the statement once per connection: for constant texts that run with every request. */
      readonly prepared?: boolean
    },
  ): Promise<readonly Row[]>
}

export interface Sql extends SqlSession {
  /** Commits when `work` resolves (durable then), rolls back when it throws. Serialization failures are retried up to 5 times. */
  transaction<T>(
    work: (session: SqlSession) => Promise<T>,
    options?: { readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' },
  ): Promise<T>
  /** Applies the numbered forward migrations of one schema that are missing, under an advisory lock. */
  migrate(options: { readonly schema: string; readonly migrations: readonly Migration[] }): Promise<void>
  ping(): Promise<void>
  close(): Promise<void>
}

/** `number` starts at 1 without gaps; a migration that was released is never changed (its checksum is stored). */
export type Migration = { readonly number: number; readonly name: string; readonly sql: string }
