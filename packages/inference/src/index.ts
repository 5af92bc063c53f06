export { type Audit, auditAnswer, type ClaimedAnswer, type NodeRoot, nodeRoots } from './audit.ts'
export { chatPrompt } from './chat.ts'
export { createEngine } from './engine.ts'
export { encodeModel, loadModel } from './format.ts'
export { createTokenizer, type DecodeStream, type Tokenizer } from './tokenizer.ts'
export type {
  Candidate,
  ChatMessage,
  Engine,
  EngineOptions,
  FinishReason,
  Model,
  ModelShape,
  Sampling,
  Sequence,
  SequenceOptions,
  SequenceTrace,
  StepResult,
  TokenLogprob,
} from './types.ts'
