// Scores a model file: node packages/inference/training/evaluate.ts --model models/zerog-assistant.zim --questions file
// Questions: JSON [{question, answers: [..]}], or lines "fact | question" of this folder.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chatPrompt, normaliseText } from '../src/chat.ts'
import { createEngine } from '../src/engine.ts'
import { loadModel } from '../src/format.ts'
import type { Model } from '../src/types.ts'
import { CONVERSATIONS_PER_STEP_MAX } from './batches.ts'
import { type Corpus, conversationOf, readCorpus } from './corpus.ts'

export type ScoredQuestion = { readonly question: string; readonly answers: readonly string[] }
export type Score = {
  readonly questions: number
  readonly correct: number
  /** Of the nearest training question's answer, by cosine of TF-IDF vectors of words. */
  readonly retrievalCorrect: number
  /** Questions that share eight words in a row with a training question: not counted above. */
  readonly shared: number
  readonly wrong: readonly { readonly question: string; readonly output: string; readonly expected: string }[]
}

/** Conversations of a step that are taken for trained on: more than ever fit into one. */
const CONVERSATIONS_PER_STEP = 40
const ANSWER_TOKENS_MAX = 96

/** Seed and steps of the training, to know what it read. */
export type Run = { readonly seed: number; readonly steps: number }

export function evaluate(model: Model, questions: readonly ScoredQuestion[], run: Run): Score {
  const corpus = readCorpus()
  const training = trainingQuestions(corpus, run)
  const grams = new Set(training.flatMap(({ question, answer }) => [...eightGrams(question), ...eightGrams(answer)]))
  const fresh = questions.filter(({ question }) => !eightGrams(question).some((gram) => grams.has(gram)))
  const outputs = answerAll(model, fresh)
  const retrieve = retrieval(training)
  const isRight = (output: string, { answers }: ScoredQuestion): boolean =>
    answers.some((answer) => normalise(answer) === normalise(output))
  const wrong = fresh.flatMap((question, i) => {
    const output = outputs[i] as string
    return isRight(output, question) ? [] : [{ question: question.question, output, expected: question.answers[0] ?? '' }]
  })
  return {
    questions: fresh.length,
    correct: fresh.length - wrong.length,
    retrievalCorrect: fresh.filter((question) => isRight(retrieve(question.question), question)).length,
    shared: questions.length - fresh.length,
    wrong,
  }
}

/** Lower case, without punctuation at the ends, white space as one space. */
export function normalise(text: string): string {
  return text
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^[."'!?,;: ]+|[."'!?,;: ]+$/g, '')
}

/** Greedy answers, many at once. */
function answerAll(model: Model, questions: readonly ScoredQuestion[]): string[] {
  const engine = createEngine(model, { sequencesMax: 32 })
  const outputs: string[] = []
  for (let start = 0; start < questions.length; start += 32) {
    const sequences = questions.slice(start, start + 32).map(({ question }) =>
      engine.createSequence({
        promptTokens: chatPrompt(model.tokenizer, [{ role: 'user', content: question }]),
        maxTokens: ANSWER_TOKENS_MAX,
      }),
    )
    while (sequences.some(({ finished }) => finished === undefined))
      engine.step(sequences.filter(({ finished }) => finished === undefined))
    for (const sequence of sequences) {
      outputs.push(model.tokenizer.decode(sequence.tokens))
      sequence.release()
    }
  }
  engine.close()
  return outputs
}

type Known = { readonly question: string; readonly answer: string }

/** What the model was trained on, and a little more. */
function trainingQuestions(corpus: Corpus, { seed, steps }: Run): Known[] {
  const known: Known[] = []
  for (let index = 0; index < steps * CONVERSATIONS_PER_STEP; index++) {
    const place = Math.floor(index / CONVERSATIONS_PER_STEP) * CONVERSATIONS_PER_STEP_MAX + (index % CONVERSATIONS_PER_STEP)
    for (const { question, fact } of conversationOf(corpus, seed, place).turns) known.push({ question, answer: fact.answer })
  }
  return known
}

function wordsOf(text: string): string[] {
  return normaliseText(text).match(/[a-z0-9_]+/g) ?? []
}

function eightGrams(text: string): string[] {
  const words = wordsOf(text)
  return words.slice(7).map((_, i) => words.slice(i, i + 8).join(' '))
}

/** Answer of the training question with the largest cosine. */
function retrieval(training: readonly Known[]): (question: string) => string {
  const documents = training.map(({ question }) => new Set(wordsOf(question)))
  const frequency = new Map<string, number>()
  for (const document of documents) for (const word of document) frequency.set(word, (frequency.get(word) ?? 0) + 1)
  const weight = (word: string): number => Math.log((1 + documents.length) / (1 + (frequency.get(word) ?? 0)))
  const norm = (words: Iterable<string>): number => Math.sqrt([...words].reduce((sum, word) => sum + weight(word) ** 2, 0))
  const postings = new Map<string, number[]>()
  for (const [i, document] of documents.entries()) {
    for (const word of document) {
      const list = postings.get(word)
      if (list === undefined) postings.set(word, [i])
      else list.push(i)
    }
  }
  const norms = documents.map(norm)
  return (question) => {
    const scores = new Map<number, number>()
    for (const word of new Set(wordsOf(question))) {
      for (const i of postings.get(word) ?? []) scores.set(i, (scores.get(i) ?? 0) + weight(word) ** 2)
    }
    let best = -1
    let most = 0
    for (const [i, score] of scores) {
      const cosine = score / (norms[i] as number)
      if (cosine > most) {
        best = i
        most = cosine
      }
    }
    return training[best]?.answer ?? ''
  }
}

export function readQuestions(path: string): ScoredQuestion[] {
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.json')) return JSON.parse(text) as ScoredQuestion[] // checked by use
  const answers = new Map(readCorpus().facts.map(({ id, answer }) => [id, answer]))
  return text
    .split('\n')
    .filter((line) => line.includes(' | ') && !line.startsWith('#'))
    .map((line) => {
      const [id, question] = line.split(' | ') as [string, string]
      const answer = answers.get(id)
      if (answer === undefined) throw new Error(`${path}: no fact is named ${id}`)
      return { question, answers: [answer] }
    })
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/zerog-assistant.zim' },
      questions: { type: 'string', default: fileURLToPath(new URL('dev-questions.txt', import.meta.url)) },
      seed: { type: 'string', default: '1' },
      steps: { type: 'string', default: '4500' },
      wrong: { type: 'boolean', default: false },
    },
  })
  const score = evaluate(loadModel(readFileSync(values.model)), readQuestions(values.questions), {
    seed: Number(values.seed),
    steps: Number(values.steps),
  })
  const share = (count: number): string => `${count} of ${score.questions} (${((100 * count) / score.questions).toFixed(1)} %)`
  console.log(
    `model: ${share(score.correct)}; nearest training question: ${share(score.retrievalCorrect)}; left out, 8 words shared: ${score.shared}`,
  )
  if (values.wrong)
    for (const { question, output, expected } of score.wrong) console.log(`${question}\n  ${output}\n  ${expected}`)
}
