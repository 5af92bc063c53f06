/** What a request in OpenAI's form may hold. */
export const OPENAI_LIMITS = {
  modelBytesMax: 256,
  /** All text of a prompt or of one message. */
  textBytesMax: 1024 * 1024,
  messagesMax: 2048,
  promptsMax: 32,
  inputsMax: 256,
  contentPartsMax: 256,
  /** OpenAI's own bound. */
  stopsMax: 4,
  stopBytesMax: 256,
  choicesMax: 8,
  outputTokensMax: 1_000_000,
  topLogprobsMax: 20,
  toolsMax: 128,
  routingNamesMax: 16,
  /** One line of an event stream: a token's log probabilities or a tool call's arguments. */
  eventBytesMax: 1024 * 1024,
} as const
