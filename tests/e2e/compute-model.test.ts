import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import OpenAI from 'openai'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until } from './devnet.ts'

jest.setTimeout(300_000)

const MODEL = join(import.meta.dirname, '../../models/zerog-assistant.zim')
/** As models/README.md states it. */
const ROOT = '0x4ea43be85291256d39fb33dabd3d06171fc45c8154887ff6410f2198608b8c4e'

// A worker that is given nothing but the root of a model: its bytes come out of our storage, and no others are taken.
let devnet: TestDevnet

beforeAll(async () => {
  process.env.ZEROG_COMPUTE_WORKER_MODELS = JSON.stringify([{ engine: 'integer', root: ROOT }])
  devnet = await startDevnet(await temporaryFolder())
})
afterAll(async () => {
  delete process.env.ZEROG_COMPUTE_WORKER_MODELS
  await removeDevnet(devnet.dataDir)
})

function client(): OpenAI {
  const { openaiUrl, openaiKey } = devnet.endpoints.compute as { openaiUrl: string; openaiKey: string }
  return new OpenAI({ baseURL: openaiUrl, apiKey: openaiKey, maxRetries: 0 })
}

/** The id of the model once it is sold: worker, broker and router see it one after the other. */
async function sold(): Promise<string> {
  let id: string | undefined
  await until(
    'a model is listed',
    async () => {
      id = (await client().models.list()).data[0]?.id
      return id !== undefined
    },
    60_000,
  )
  return id as string // until it is there
}

/** A provider that has just come gets its first money from the router, which takes a block or two; until then it refuses. */
async function answer(): Promise<string> {
  const messages = [{ role: 'user' as const, content: 'How do I run the tests?' }]
  const request = { model: await sold(), messages, max_tokens: 40, temperature: 0 }
  let text = ''
  await until('the router has paid the provider', async () => {
    const { choices } = await client()
      .chat.completions.create(request)
      .catch((error) => {
        if (error instanceof OpenAI.APIError && error.status === 503) return { choices: [] }
        throw error
      })
    text = choices[0]?.message.content ?? ''
    return choices.length > 0
  })
  return text
}

test('a model is served as soon as its bytes are in storage, and fetched again where they were changed on the disk', async () => {
  expect((await client().models.list()).data).toEqual([])
  const uploaded = await devnet.zerog('storage', 'upload', MODEL, '--json', '--account', 'dev1')
  expect(uploaded.json()).toMatchObject({ data: { root: ROOT } })
  expect(await answer()).toContain('npm test')

  const cached = readdirSync(devnet.dataDir, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(ROOT.slice(2)))
  expect(cached).toHaveLength(1)
  const path = join(devnet.dataDir, cached[0] as string)
  const bytes = readFileSync(path)
  expect(bytes.equals(readFileSync(MODEL))).toBe(true)

  await devnet.zerog('down')
  const changed = Buffer.from(bytes)
  changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1
  writeFileSync(path, changed)
  devnet = await startDevnet(devnet.dataDir)
  expect(await answer()).toContain('npm test')
  expect(readFileSync(path).equals(bytes)).toBe(true)
})
