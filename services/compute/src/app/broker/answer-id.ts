import type { Random } from '@zerog/ports'
import { toHex } from '@zerog/primitives'

const PREFIXES = { chat: 'chatcmpl', completion: 'cmpl', embedding: 'embd' } as const

/** The name of an answer: 128 random bits behind the prefix that OpenAI's clients know. */
export function newAnswerId(kind: keyof typeof PREFIXES, random: Random): string {
  return `${PREFIXES[kind]}-${toHex(random.bytes(16)).slice(2)}`
}
