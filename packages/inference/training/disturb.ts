/**
 * A question as somebody else might word it: words left out, others put in, neighbours exchanged, synonyms, slips of the pen. What is
 * left of the meaning must suffice, so that the model learns to look at the words that matter.
 */
export function disturb(question: string, random: () => number): string {
  const mark = /[?.!]$/.exec(question)?.[0] ?? ''
  let words = question.slice(0, question.length - mark.length).split(' ')
  words = words.map((word) => (random() < 0.25 ? synonym(word, random) : word))
  if (random() < 0.5) words = dropped(words, random)
  if (random() < 0.1) exchange(words, random)
  if (random() < 0.45) for (let n = 1 + Math.floor(random() * 4); n > 0; n--) insert(words, random)
  if (random() < 0.12) slip(words, random)
  return words.join(' ') + mark
}

/** The words that matter of some wordings of one question, in loose order among words that do not: a bag of words, nearly. */
export function soup(questions: readonly string[], random: () => number): string {
  const words = questions.flatMap((question) =>
    question
      .replace(/[?.!]$/, '')
      .split(' ')
      .filter((word) => !LIGHT.has(word) && random() < 0.75)
      .map((word) => (random() < 0.3 ? synonym(word, random) : word)),
  )
  if (words.length === 0) return questions[0] as string
  if (random() < 0.4) for (let n = words.length; n > 0; n--) exchange(words, random)
  const light = [...LIGHT]
  for (let n = Math.floor(random() * (words.length + 3)); n > 0; n--) {
    const word = random() < 0.7 ? (light[Math.floor(random() * light.length)] as string) : filler(random)
    words.splice(Math.floor(random() * (words.length + 1)), 0, word)
  }
  return words.join(' ') + (random() < 0.6 ? '?' : '')
}

/** Leaves words out: light ones often, others seldom; names of one letter or digit stay. */
function dropped(words: readonly string[], random: () => number): string[] {
  const kept = words.filter((word) => random() > (LIGHT.has(word) ? 0.35 : word.length <= 1 || /\d/.test(word) ? 0 : 0.06))
  return kept.length === 0 ? [...words] : kept
}

function exchange(words: string[], random: () => number): void {
  const at = Math.floor(random() * (words.length - 1))
  const [a, b] = [words[at], words[at + 1]]
  if (a !== undefined && b !== undefined) words.splice(at, 2, b, a)
}

function insert(words: string[], random: () => number): void {
  words.splice(Math.floor(random() * (words.length + 1)), 0, filler(random))
}

/** A word that says nothing about the question; one in six is made up, as any word is that the model has not seen. */
function filler(random: () => number): string {
  if (random() > 1 / 6) return FILLERS[Math.floor(random() * FILLERS.length)] as string
  const letter = (letters: string): string => letters[Math.floor(random() * letters.length)] as string
  const syllables = 1 + Math.floor(random() * 3)
  return Array.from({ length: syllables }, () => letter('bcdfghklmnprstvw') + letter('aeiou') + letter('lnrstdmk')).join('')
}

/** One letter missing, doubled or exchanged with its neighbour, in a word of at least five letters. */
function slip(words: string[], random: () => number): void {
  const index = Math.floor(random() * words.length)
  const word = words[index] ?? ''
  if (word.length < 5) return
  const at = 1 + Math.floor(random() * (word.length - 2))
  const [a, b] = [word[at] as string, word[at + 1] as string]
  const kind = random()
  const middle = kind < 0.4 ? b : kind < 0.7 ? a + a + b : b + a
  words[index] = word.slice(0, at) + middle + word.slice(at + 2)
}

function synonym(word: string, random: () => number): string {
  const group = SYNONYMS.get(word)
  return group === undefined ? word : (group[Math.floor(random() * group.length)] as string)
}

const LIGHT = new Set(
  'a an the of to in on for is are do does i you it can me my what which how with by at be will that this from and or one please'.split(
    ' ',
  ),
)

const SYNONYMS = new Map<string, readonly string[]>(
  `start launch boot begin fire|stop halt end quit terminate|show display print reveal|file document|upload store save put|download fetch retrieve get
big large huge long|maximum max largest highest greatest|limit cap bound ceiling restriction|need require want|required necessary needed mandatory
command instruction subcommand|configuration config settings setup|variable var|certificate cert|certificates certs|directory folder|machine computer host server laptop
network net|use employ apply utilise utilize|using with through via|happens occurs results|kept stored held saved|keep store hold retain|keeps stores holds retains
number count amount quantity|check verify validate inspect|quickly fast|request call query|requests calls queries|answer response reply|error failure problem|errors failures problems
allowed permitted accepted|supported accepted available|make create generate build produce|made created generated built produced|change alter modify adjust|changed altered modified
url address link endpoint|default standard usual|many much|size length|written implemented coded|several multiple many|alone separately individually|every each|once
all entire whole complete|new fresh|lost gone missing|lose drop miss|broken damaged corrupt|wrong incorrect false bad|correct right|private confidential secret|public open
transaction tx|transactions txs|parallel simultaneously concurrently|data bytes information content|memory ram|node server|nodes servers|second sec|seconds secs|minutes min
explain describe clarify|meaning definition sense|purpose role point aim|work function operate|works functions operates|run execute operate launch|runs executes operates
reach access contact|find locate discover|see view look|send transmit transfer|receive get obtain|replace swap exchange|project software system codebase product|wait hold
which what|what which|how|developer programmer engineer|user customer client|users customers clients|rules|version release|documentation docs manual|folder directory
account wallet|accounts wallets|money funds coins|cost price charge|costs prices|possible feasible|impossible|connect attach join|internet web online|installed set-up present
permanent final irreversible|interval period gap|between among|produce mint emit|service component microservice|services components microservices|talk communicate speak
trusted relied-upon|must should|have own possess|is|without lacking minus|only just solely|contains holds includes has|contain hold include|decides determines chooses`
    .split(/[\n|]/)
    .map((group) => group.split(' '))
    .flatMap((group) => group.map((word): [string, readonly string[]] => [word, group])),
)

const FILLERS =
  `really actually just also maybe perhaps then now today again first still even very quite simply exactly basically generally normally usually currently
here there any some such this that these those my our your its their own other another same certain particular given specific local single whole little bit sort
kind type thing things way ways case cases part parts time times people someone somebody anyone person team company office home work job day week hour year
know think believe guess suppose wonder hope try want need like wish see say tell ask mean read hear heard learn understand remember forget look take give get got
should would could might must may shall will did had has been being was were am if when while because since although though but so yet before after during until
under over above below near about around into onto out off up down back away together alone once twice always never often sometimes ever already soon later
good great nice fine okay best better easy hard simple quick fast short long small tiny new old right correct proper real true possible able ready sure clear
please kindly thanks hello hey sir friend folks guys everyone question questions answer doubt issue topic matter subject point detail details idea example
zerog software project system program tool product application setup environment developer operator user customer laptop computer terminal shell console screen
wifi lan network office colleague friend boss student teacher intern picture photo video song movie yesterday tomorrow morning evening night weekend moment while
look looks looking seem seems seemed appear keep keeps put puts let lets made makes making care cares take takes taken give gives given happen happened become becomes
anyway besides however therefore otherwise meanwhile afterwards everything nothing something anything everyone nobody somewhere anywhere
building house street car train phone tablet screen keyboard mouse printer desk paper book page letter list table row column
first second third last next previous early late finally mostly partly hardly nearly almost roughly approximately perfectly completely entirely fully
such whose whom whether either neither both few less more most least much many enough too each per versus upon
serious important useful interesting strange weird funny difficult possible impossible necessary common typical special general public final whole main major minor
want wants wanted wish wishes try tries tried begin began think thought feel felt find found call calls called show shows showed leave left play move live
called named known used using done doing goes going comes coming works working happens regarding concerning considering according instead rather else otherwise`.split(
    /\s+/,
  )
