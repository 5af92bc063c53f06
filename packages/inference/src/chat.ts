import { CONTROL, type Tokenizer } from './tokenizer.ts'
import type { ChatMessage } from './types.ts'

const CONTROL_OF = { system: CONTROL.system, user: CONTROL.user, assistant: CONTROL.assistant } as const

/**
 * Tokens of a conversation up to the place where the answer begins: per message its control token, its text and, after an answer,
 * the end token. Texts of system and user are normalised (`normaliseText`); answers stand as they are.
 */
export function chatPrompt(tokenizer: Tokenizer, messages: readonly ChatMessage[]): number[] {
  const tokens: number[] = []
  for (const { role, content } of messages) {
    tokens.push(CONTROL_OF[role], ...tokenizer.encode(role === 'assistant' ? content : normaliseText(content)))
    if (role === 'assistant') tokens.push(CONTROL.end)
  }
  tokens.push(CONTROL.assistant)
  return tokens
}

/** ASCII letters in lower case, runs of white space as one space, one space in front: words have the same tokens wherever they stand. */
export function normaliseText(text: string): string {
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  return ` ${lower.replace(/[\t\n\r ]+/g, ' ').replace(/^ | $/g, '')}`
}
