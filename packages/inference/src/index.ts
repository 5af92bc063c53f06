export type { DecodeStream, Tokenizer } from './tokenizer.ts'
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
