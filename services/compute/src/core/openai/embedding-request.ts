import { badRequest } from './errors.ts'
import { checkedText, optionalInteger, optionalString, parseJsonObject, wrongType } from './fields.ts'
import { OPENAI_LIMITS as LIMITS } from './limits.ts'
import { readModel, utf8Length } from './request.ts'

/** A request to /v1/embeddings after checking. */
export type EmbeddingRequest = {
  readonly model: string
  readonly inputs: readonly string[]
  readonly encoding: 'float' | 'base64'
  readonly textBytes: number
}

/** Body of POST /v1/embeddings. Throws OpenAiError. */
export function parseEmbeddingRequest(body: Uint8Array): EmbeddingRequest {
  const fields = parseJsonObject(body)
  const model = readModel(fields)
  const { input } = fields
  const list: readonly unknown[] = Array.isArray(input) ? input : [input]
  if (list.length === 0 || list.length > LIMITS.inputsMax) {
    throw badRequest(`Invalid 'input': 1 to ${LIMITS.inputsMax} texts.`, 'input', 'invalid_value')
  }
  const inputs = list.map((text, index) => {
    const path = Array.isArray(input) ? `input[${index}]` : 'input'
    if (typeof text !== 'string') throw wrongType(path, 'a string', text)
    if (text === '') throw badRequest(`'${path}' must not be empty.`, path, 'invalid_value')
    return checkedText(text, path, LIMITS.textBytesMax)
  })
  const encoding = optionalString(fields, 'encoding_format', 16) ?? 'float'
  if (encoding !== 'float' && encoding !== 'base64') {
    throw badRequest("'encoding_format' must be 'float' or 'base64'.", 'encoding_format', 'invalid_value')
  }
  if (optionalInteger(fields, 'dimensions', [1, 65_536]) !== undefined) {
    throw badRequest("'dimensions' is not supported by this model.", 'dimensions', 'unsupported_parameter')
  }
  return { model, inputs, encoding, textBytes: inputs.reduce((sum, text) => sum + utf8Length(text), 0) }
}
