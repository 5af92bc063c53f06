import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { disturb, soup } from './disturb.ts'
import { randomOf } from './random.ts'
import { FRAMES, type PhraseKind, PREFIXES, SUFFIXES, SYSTEM_TEXTS } from './templates.ts'

export type Fact = { readonly id: string; readonly answer: string }
export type Sample = { readonly fact: Fact; readonly question: string }
export type Conversation = { readonly system: string | undefined; readonly turns: readonly Sample[] }

type Phrase = { readonly kind: PhraseKind; readonly text: string }
export type Corpus = { readonly facts: readonly Fact[]; readonly phrases: ReadonlyMap<string, readonly Phrase[]> }

/** Facts and their question phrases. Throws where one has no other. */
export function readCorpus(): Corpus {
  const read = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8')
  const facts = JSON.parse(read('facts.json')) as Fact[] // our own file
  const phrases = parsePhrases(read('phrases.txt'))
  for (const { id } of facts) if ((phrases.get(id)?.length ?? 0) === 0) throw new Error(`no phrases for the fact ${id}`)
  for (const id of phrases.keys())
    if (!facts.some((fact) => fact.id === id)) throw new Error(`phrases for ${id}, which is no fact`)
  return { facts, phrases }
}

/** What the model is trained on at one place of the sequence of samples: a seed and a number give the same conversation everywhere. */
export function conversationOf(corpus: Corpus, seed: number, index: number): Conversation {
  const random = randomOf(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
  const turns = random() < 0.88 ? 1 : random() < 0.7 ? 2 : 3
  const system = random() < 0.05 ? choose(SYSTEM_TEXTS, random) : undefined
  return { system, turns: Array.from({ length: turns }, () => sampleOf(corpus, choose(corpus.facts, random), random)) }
}

/** One question about a fact: a phrase, completed, framed and mostly disturbed, or the words of several. */
export function sampleOf(corpus: Corpus, fact: Fact, random: () => number): Sample {
  const plain = (): string => plainQuestion(choose(corpus.phrases.get(fact.id) ?? [], random), random)
  const kind = random()
  if (kind < 0.2) return { fact, question: plain() }
  if (kind < 0.8) return { fact, question: disturb(plain(), random) }
  return { fact, question: soup(random() < 0.6 ? [plain()] : [plain(), plain()], random) }
}

function plainQuestion(phrase: Phrase, random: () => number): string {
  const frame = choose(FRAMES[phrase.kind], random)
  const core = expand(
    frame.replace('@', () => phrase.text),
    random,
  )
  const before = random() < 0.25 ? `${expand(choose(PREFIXES, random), random)} ` : ''
  const after = random() < 0.2 ? ` ${expand(choose(SUFFIXES, random), random)}` : ''
  const mark = random() < 0.6 ? '?' : random() < 0.15 ? '.' : ''
  return `${before}${core}${after}`.replace(/\s+/g, ' ').trim() + mark
}

/** Chooses one of each `{a|b}`, innermost first. */
function expand(text: string, random: () => number): string {
  let out = text
  while (out.includes('{')) out = out.replace(/\{([^{}]*)\}/g, (_, options: string) => choose(options.split('|'), random))
  return out
}

function choose<T>(options: readonly T[], random: () => number): T {
  return options[Math.floor(random() * options.length)] as T // not empty
}

function parsePhrases(text: string): Map<string, Phrase[]> {
  const macros = new Map<string, string>()
  const facts = new Map<string, Phrase[]>()
  let current: Phrase[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const macro = /^\$([A-Z]+) (.+)$/.exec(line)
    const phrase = /^([dhcnq]) (.+)$/.exec(line)
    if (macro !== null) macros.set(macro[1] as string, macro[2] as string)
    else if (line.startsWith('= ')) {
      current = []
      facts.set(line.slice(2), current)
    } else if (phrase !== null) current.push({ kind: phrase[1] as PhraseKind, text: fill(phrase[2] as string, macros) })
    else throw new Error(`phrases.txt, line ${index + 1}: neither a fact nor a phrase`)
  }
  return facts
}

/** Inside braces a name stands for its choices, elsewhere for a choice. */
function fill(text: string, macros: ReadonlyMap<string, string>): string {
  return text.replace(/\$([A-Z]+)/g, (_, name: string) => {
    const options = macros.get(name)
    if (options === undefined) throw new Error(`phrases.txt: no choice is named ${name}`)
    return `{${options}}`
  })
}
