import { afterAll, beforeAll, describe, test } from '@jest/globals'
import {
  installCommand,
  obtainProgram,
  PROGRAMS,
  type ProgramKind,
  type RunningServer,
  type ServerKind,
  startServer,
} from './servers.ts'

/**
 * Declares tests that need a program of the system and hands out its path. Where it cannot be had, the suite is skipped by name with
 * the command that would install it; with CI=true that is a failure.
 */
export function withProgram(kind: ProgramKind, declare: (path: string) => void): void {
  const path = obtainProgram(kind)
  if (path !== undefined) return declare(path)
  const name = `skipped: no ${PROGRAMS[kind].program}; install it with: ${installCommand(kind)}`
  const declareMissing = process.env.CI === 'true' ? test : test.skip
  declareMissing(name, () => {
    throw new Error(name)
  })
}

/** Declares tests that need a real server, which is started once for them; without it as `withProgram`. */
export function withServer(kind: ServerKind, declare: (server: () => RunningServer) => void): void {
  withProgram(kind, () => {
    describe(`real ${kind}`, () => {
      let server: RunningServer | undefined
      beforeAll(async () => {
        server = await startServer(kind)
      }, 60_000)
      afterAll(async () => {
        await server?.stop()
      }, 30_000)
      declare(() => {
        if (server === undefined) throw new Error(`${kind} did not start`)
        return server
      })
    })
  })
}
