import type { Hex } from '@zerog/primitives'
import { isObject } from '../../core/openai/fields.ts'
import type { HttpClient } from '../http-client.ts'
import type { Provider } from './directory.ts'
import type { RouterRepository } from './ports.ts'
import type { Sessions } from './sessions.ts'

const CALL_MS = 10_000
const ANSWER_BYTES_MAX = 1024 * 1024
/** Providers that are asked for one root, and what is taken of each. */
const PROVIDERS_MAX = 16
const ANSWERS_MAX = 100

type Fields = Readonly<Record<string, unknown>>

export type LineageReply = {
  readonly answers: readonly Fields[]
  readonly batches: readonly Fields[]
  /** Providers that did not answer: what they know is missing here. */
  readonly unreachable: readonly Hex[]
}

export type LineageReader = {
  /** What providers say of the answers of one key. All keys of a router are one account to them: others' answers are left out here. */
  read(
    of: { readonly name: string; readonly keyId: string },
    providers: readonly Provider[],
    signal: AbortSignal,
  ): Promise<LineageReply>
}

export function createLineageReader(deps: {
  readonly http: HttpClient
  readonly sessions: Sessions
  readonly repository: Pick<RouterRepository, 'spend'>
}): LineageReader {
  const { http, sessions, repository } = deps

  async function ask(
    name: string,
    { url, service }: Provider,
    signal: AbortSignal,
  ): Promise<{ answers: Fields[]; batches: Fields[] }> {
    const answer = await http.request({
      method: 'GET',
      url: `${url}/v1/lineage/${encodeURIComponent(name)}`,
      headers: { authorization: await sessions.header(service.provider), accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
      headMs: CALL_MS,
    })
    const bytes = await answer.body.whole(ANSWER_BYTES_MAX)
    if (answer.status === 401) sessions.forget(service.provider)
    if (answer.status !== 200) throw new Error(`the broker answered ${answer.status}`)
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const list = (field: unknown) => (Array.isArray(field) ? field.filter(isObject).slice(0, ANSWERS_MAX) : [])
    return isObject(json) ? { answers: list(json.answers), batches: list(json.batches) } : { answers: [], batches: [] }
  }

  return {
    async read({ name, keyId }, providers, signal) {
      const answers: Fields[] = []
      const batches: Fields[] = []
      const unreachable: Hex[] = []
      const isOwn = async ({ id }: Fields, provider: Hex): Promise<boolean> => {
        const spend = typeof id === 'string' ? await repository.spend(id) : undefined
        return spend?.keyId === keyId && spend.provider === provider
      }
      const asked = providers.slice(0, PROVIDERS_MAX).map(async (entry) => {
        const { provider } = entry.service
        const found = await ask(name, entry, signal).catch(() => undefined)
        if (found === undefined) return void unreachable.push(provider)
        const own: Fields[] = []
        for (const each of found.answers) if (await isOwn(each, provider)) own.push({ ...each, provider })
        const held = new Set(own.map((each) => each.batch_root))
        answers.push(...own)
        batches.push(...found.batches.filter(({ root }) => held.has(root)).map((each) => ({ ...each, provider })))
      })
      await Promise.all(asked)
      return { answers, batches, unreachable }
    },
  }
}
