import { readFile } from 'node:fs/promises'
import type { Clock, Logger, Meter } from '@zerog/ports'
import { fromHex, ZerogError } from '@zerog/primitives'
import type { Engine } from '../../app/worker/engine.ts'
import type { ModelEntry } from '../../config.ts'
import { LIMITS } from '../../limits.ts'
import type { ModelFile, ModelSource } from '../models/model-file.ts'

export type OpenDeps = {
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
  readonly file: (source: ModelSource) => Promise<ModelFile>
  readonly upstream: { readonly firstByteMs: number; readonly idleMs: number }
}

/** The engine of one entry of the configuration. The code of an engine is loaded when the first model needs it. */
export async function openEngine(entry: ModelEntry, deps: OpenDeps): Promise<Engine> {
  switch (entry.engine) {
    case 'integer': {
      const file = await deps.file(entry)
      if (file.sizeBytes > LIMITS.worker.integerModelBytesMax) {
        throw new ZerogError('LIMIT_EXCEEDED', {
          message: `model ${file.root} has ${file.sizeBytes} bytes: too large for memory`,
        })
      }
      const { integerEngine } = await import('./integer/engine.ts')
      return integerEngine({ ...entry, bytes: await readFile(file.path) }, deps)
    }
    case 'gguf': {
      const file = await deps.file(entry)
      const { ggufEngine } = await import('./gguf.ts')
      return ggufEngine({ ...entry, path: file.path, root: fromHex(file.root, 32) })
    }
    case 'upstream': {
      const { id, url, upstreamModel, apiKeyFile, stream, slots, contextTokens, chat, completions, embeddings, logprobs } = entry
      const apiKey = apiKeyFile === undefined ? undefined : (await readFile(apiKeyFile, 'utf8')).trim()
      const model = { id, contextTokens, chat, completions, embeddings, logprobs }
      const options = { model, url, upstreamModel: upstreamModel ?? id, apiKey, stream, slots, ...deps.upstream }
      const { createHttpClient } = await import('../http/http-client.ts')
      const { upstreamEngine } = await import('./upstream.ts')
      return upstreamEngine(options, { ...deps, http: createHttpClient() })
    }
  }
}
