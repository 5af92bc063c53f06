import type { Usage } from './price.ts'

/** https://platform.openai.com/docs/api-reference/embeddings: `base64` is little-endian float32, as OpenAI's clients ask for. */
export function embeddingJson(
  model: string,
  vectors: readonly (readonly number[])[],
  of: { readonly encoding: 'float' | 'base64'; readonly usage: Pick<Usage, 'promptTokens'> },
): string {
  return JSON.stringify({
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: of.encoding === 'float' ? vector : toBase64(vector),
    })),
    model,
    usage: { prompt_tokens: of.usage.promptTokens, total_tokens: of.usage.promptTokens },
  })
}

function toBase64(vector: readonly number[]): string {
  const bytes = new Uint8Array(4 * vector.length)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of vector.entries()) view.setFloat32(4 * index, value, true)
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
