/**
 * A tiny llama with random weights, in GGUF form: byte-level SentencePiece vocabulary, one layer. It says nonsense, but every part of
 * llama.cpp runs. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function tinyGguf(options: { readonly seed?: number; readonly chatTemplate?: string } = {}): Uint8Array {
  const width = 32
  const hidden = 64
  const tokens = [
    '<unk>',
    '<s>',
    '</s>',
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  ]
  const vocabulary = tokens.length
  const random = generator(options.seed ?? 1)
  const tensor = (name: string, ...dimensions: number[]) => {
    const count = dimensions.reduce((product, size) => product * size, 1)
    const values = Float32Array.from({ length: count }, () => (name.includes('norm') ? 1 : (random() - 0.5) * 0.5))
    return { name, dimensions, bytes: new Uint8Array(values.buffer) }
  }
  const block = (name: string) => `blk.0.${name}.weight`
  const tensors = [
    tensor('token_embd.weight', width, vocabulary),
    tensor('output_norm.weight', width),
    tensor('output.weight', width, vocabulary),
    tensor(block('attn_norm'), width),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => tensor(block(name), width, width)),
    tensor(block('ffn_norm'), width),
    tensor(block('ffn_gate'), width, hidden),
    tensor(block('ffn_up'), width, hidden),
    tensor(block('ffn_down'), hidden, width),
  ]
  const metadata: readonly (readonly [string, Value])[] = [
    ['general.architecture', text('llama')],
    ['llama.context_length', u32(256)],
    ['llama.embedding_length', u32(width)],
    ['llama.block_count', u32(1)],
    ['llama.feed_forward_length', u32(hidden)],
    ['llama.attention.head_count', u32(2)],
    ['llama.attention.head_count_kv', u32(2)],
    ['llama.rope.dimension_count', u32(width / 2)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ['llama.vocab_size', u32(vocabulary)],
    ['tokenizer.ggml.model', text('llama')],
    [
      'tokenizer.ggml.tokens',
      list(
        8,
        tokens.map((token) => stringBytes(token)),
      ),
    ],
    [
      'tokenizer.ggml.scores',
      list(
        6,
        tokens.map(() => f32(0).bytes),
      ),
    ],
    // 2 unknown, 3 control, 6 byte
    [
      'tokenizer.ggml.token_type',
      list(
        5,
        tokens.map((_, index) => word(index === 0 ? 2 : index < 3 ? 3 : 6)),
      ),
    ],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ...(options.chatTemplate === undefined ? [] : [['tokenizer.chat_template', text(options.chatTemplate)] as const]),
  ]
  const infos: Uint8Array[] = []
  let offset = 0
  for (const { name, dimensions, bytes } of tensors) {
    infos.push(stringBytes(name), word(dimensions.length), ...dimensions.map(long), word(0), long(offset))
    offset += Math.ceil(bytes.length / 32) * 32
  }
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    word(3),
    long(tensors.length),
    long(metadata.length),
    ...metadata.flatMap(([key, value]) => [stringBytes(key), word(value.type), value.bytes]),
    ...infos,
  ])
  return Buffer.concat([aligned(header), ...tensors.map(({ bytes }) => aligned(bytes))])
}

type Value = { readonly type: number; readonly bytes: Uint8Array }

const u32 = (value: number): Value => ({ type: 4, bytes: word(value) })
const f32 = (value: number): Value => ({ type: 6, bytes: new Uint8Array(Float32Array.of(value).buffer) })
const text = (value: string): Value => ({ type: 8, bytes: stringBytes(value) })
const list = (type: number, items: readonly Uint8Array[]): Value => ({
  type: 9,
  bytes: Buffer.concat([word(type), long(items.length), ...items]),
})

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

function long(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)
}

function stringBytes(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([long(bytes.length), bytes])
}

function aligned(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array((32 - (bytes.length % 32)) % 32)])
}

/** Mulberry32: the same weights from the same seed. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
