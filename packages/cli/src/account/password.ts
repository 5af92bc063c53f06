import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { ZerogError } from '@zerog/primitives'

/** ZEROG_PASSWORD_FILE, ZEROG_PASSWORD, else asked for on a terminal; scripts without one get a sentence, never a prompt. */
export async function readPassword(what: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (env.ZEROG_PASSWORD_FILE !== undefined) {
    const text = await readFile(env.ZEROG_PASSWORD_FILE, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new ZerogError('CONFIG_INVALID', {
        message: `cannot read ZEROG_PASSWORD_FILE: ${cause.code ?? cause.message}`,
        cause,
      })
    })
    return text.replace(/\r?\n$/, '')
  }
  if (env.ZEROG_PASSWORD !== undefined) return env.ZEROG_PASSWORD
  if (process.stdin.isTTY !== true) {
    throw new ZerogError('UNAUTHENTICATED', {
      message: `${what}: set ZEROG_PASSWORD_FILE (or ZEROG_PASSWORD); there is no terminal to ask on`,
    })
  }
  return ask(`${what}: `)
}

/** Echoes nothing. */
async function ask(prompt: string): Promise<string> {
  process.stderr.write(prompt)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await reader.question('')
  } finally {
    reader.close()
    process.stderr.write('\n')
  }
}
