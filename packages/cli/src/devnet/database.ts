import { join } from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@zerog/adapters'
import type { Logger } from '@zerog/ports'

const BACKOFF_MS = 250
const BACKOFF_MAX_MS = 5_000

export type Database = {
  readonly url: string
  /** undefined for a server of somebody else. */
  readonly pid: () => number | undefined
  readonly stop: () => Promise<void>
}

/** A server of the user's own, named by ZEROG_COMMON_POSTGRES_URL: it is neither started nor stopped, and --reset leaves its tables. */
export function givenDatabase(env: NodeJS.ProcessEnv): Database | undefined {
  const url = env.ZEROG_COMMON_POSTGRES_URL
  return url === undefined ? undefined : { url, pid: () => undefined, stop: async () => {} }
}

/**
 * The PostgreSQL of a devnet. When the server is killed it is started again on the same port (targets reconnect), and that is
 * said. It ends with this process, however that ends.
 */
export async function startDatabase(
  dataDir: string,
  deps: { readonly logger: Logger; readonly say: (text: string) => void; readonly changed: () => void },
): Promise<Database> {
  const options = { dataDir: join(dataDir, 'postgres'), logger: deps.logger }
  let server = await startEmbeddedPostgres(options)
  const { url, port } = server
  let stopping = false
  let restarting: Promise<void> = Promise.resolve()

  function watch(current: EmbeddedPostgres): void {
    void current.exited.then(({ expected }) => {
      if (!expected && !stopping) restarting = startAgain()
    })
  }

  async function startAgain(): Promise<void> {
    deps.say('PostgreSQL ended; starting it again')
    for (let delayMs = BACKOFF_MS; !stopping; delayMs = Math.min(delayMs * 2, BACKOFF_MAX_MS)) {
      try {
        server = await startEmbeddedPostgres({ ...options, port })
        if (stopping) return await server.stop()
        deps.say(`PostgreSQL is ready again (process ${server.pid})`)
        deps.changed()
        return watch(server)
      } catch (error) {
        deps.say(`PostgreSQL does not start: ${error instanceof Error ? error.message : String(error)}`)
        await new Promise((resolve) => setTimeout(resolve, delayMs))
      }
    }
  }

  watch(server)
  return {
    url,
    pid: () => server.pid,
    stop: async () => {
      stopping = true
      await restarting
      await server.stop()
    },
  }
}
