import { expect, test } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import type { HttpClient } from '../src/app/http-client.ts'
import type { Provider } from '../src/app/router/directory.ts'
import { createLineageReader } from '../src/app/router/lineage.ts'
import type { Spend } from '../src/app/router/ports.ts'
import type { Sessions } from '../src/app/router/sessions.ts'
import { address, word } from './support/receipts.ts'

const [FIRST, SECOND] = [address(0xb1), address(0xb2)]
const providers = [FIRST, SECOND].map((provider) => ({ url: `http://p${provider}`, service: { provider } }) as Provider)
const spends: Readonly<Record<string, { keyId: string; provider: Hex }>> = {
  mine: { keyId: 'key_1', provider: FIRST },
  theirs: { keyId: 'key_2', provider: FIRST },
}

function read(bodies: Readonly<Record<string, { status: number; json: unknown } | undefined>>) {
  const http = {
    async request({ url }: { url: string }) {
      const reply = bodies[new URL(url).hostname.slice(1)]
      if (reply === undefined) throw new Error('not reachable')
      return {
        status: reply.status,
        headers: {},
        body: { whole: async () => new TextEncoder().encode(JSON.stringify(reply.json)) },
      }
    },
  } as unknown as HttpClient
  const sessions = { header: async () => '', forget: () => {} } as unknown as Sessions
  const repository = { spend: async (id: string) => spends[id] as Spend | undefined }
  const reader = createLineageReader({ http, sessions, repository })
  return reader.read({ name: word(1), keyId: 'key_1' }, providers, new AbortController().signal)
}

const answer = (id: string, batch: number) => ({ id, batch_root: word(batch) })

test('a key sees its own answers and their batches, and nothing of other keys of the same router', async () => {
  const reply = {
    answers: [answer('mine', 7), answer('theirs', 8), answer('unknown', 9), { id: 5 }],
    batches: [7, 8, 9].map((root) => ({ root: word(root) })),
  }
  const found = await read({
    [FIRST]: { status: 200, json: reply },
    [SECOND]: { status: 200, json: { answers: [], batches: [] } },
  })
  expect(found).toEqual({
    answers: [{ ...answer('mine', 7), provider: FIRST }],
    batches: [{ root: word(7), provider: FIRST }],
    unreachable: [],
  })
})

test('a provider cannot claim an answer of another one', async () => {
  const reply = { status: 200, json: { answers: [answer('mine', 7)], batches: [{ root: word(7) }] } }
  expect(await read({ [FIRST]: { status: 200, json: {} }, [SECOND]: reply })).toEqual({
    answers: [],
    batches: [],
    unreachable: [],
  })
})

test('providers that do not answer, or not in this form, are named or show nothing', async () => {
  expect((await read({ [FIRST]: { status: 500, json: {} }, [SECOND]: undefined })).unreachable.toSorted()).toEqual([
    FIRST,
    SECOND,
  ])
  const odd = { status: 200, json: { answers: 'none', batches: [1, null, 'x'] } }
  expect(await read({ [FIRST]: odd, [SECOND]: { status: 200, json: null } })).toEqual({
    answers: [],
    batches: [],
    unreachable: [],
  })
})
