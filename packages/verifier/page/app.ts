import { isHex, ZerogError } from '@zerog/primitives'
import { type Link, type LinkName, type LinkState, type TrustedVerdict, verifyEvidence } from '../src/index.ts'

// The page's only script: it reads a file, verifies it here and draws what came out. Its policy lets it connect to nothing, or to the one
// gateway that it was built for.

const WORDS: Record<LinkName, string> = {
  'request-bytes': 'Request',
  'response-bytes': 'Answer',
  'receipt-signature': 'Receipt',
  'signer-registered': 'Signer',
  batch: 'Batch',
  'data-availability': 'Data availability',
  'da-committee': 'DA committee',
  settlement: 'Settlement',
  block: 'Block',
  validators: 'Validators',
  model: 'Model',
}

const STATES: Record<LinkState, { readonly mark: string; readonly word: string }> = {
  proven: { mark: '✓', word: 'proven' },
  'not-required': { mark: '–', word: 'nothing to prove' },
  'not-shown': { mark: '?', word: 'not shown' },
  broken: { mark: '✗', word: 'broken' },
}

/** Middle of each box in a drawing of 520 by 560. */
const PLACES: Record<LinkName, readonly [number, number]> = {
  'request-bytes': [175, 35],
  'response-bytes': [345, 35],
  'signer-registered': [85, 125],
  'receipt-signature': [260, 125],
  model: [435, 125],
  batch: [260, 215],
  'data-availability': [175, 305],
  settlement: [345, 305],
  'da-committee': [175, 385],
  block: [260, 455],
  validators: [260, 525],
}

/** Facts beside the batch: their lines to the block run outside of the boxes between. */
const DETOURS: Partial<Record<LinkName, number>> = { 'signer-registered': 50, model: 470 }

const EDGES: readonly (readonly [LinkName, LinkName])[] = [
  ['request-bytes', 'receipt-signature'],
  ['response-bytes', 'receipt-signature'],
  ['receipt-signature', 'signer-registered'],
  ['receipt-signature', 'model'],
  ['receipt-signature', 'batch'],
  ['batch', 'data-availability'],
  ['batch', 'settlement'],
  ['data-availability', 'da-committee'],
  ['da-committee', 'block'],
  ['settlement', 'block'],
  ['signer-registered', 'block'],
  ['model', 'block'],
  ['block', 'validators'],
]

const element = <Kind extends HTMLElement = HTMLElement>(id: string): Kind => document.getElementById(id) as Kind // index.html has it
const trust = element<HTMLInputElement>('trust')
const epochLength = element<HTMLInputElement>('length')
const file = element<HTMLInputElement>('file')
const drop = element<HTMLElement>('drop')

file.addEventListener('change', () => void open(file.files?.[0]))
trust.addEventListener('change', () => void open(file.files?.[0]))
epochLength.addEventListener('change', () => void open(file.files?.[0]))
element<HTMLFormElement>('form').addEventListener('submit', (event) => {
  event.preventDefault()
  void fetchEvidence()
})
for (const name of ['dragover', 'dragleave', 'drop'] as const) {
  drop.addEventListener(name, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', name === 'dragover')
    if (name !== 'drop' || event.dataTransfer === null || event.dataTransfer.files.length === 0) return
    file.files = event.dataTransfer.files
    void open(event.dataTransfer.files[0])
  })
}

function open(chosen: File | undefined): Promise<void> {
  return chosen === undefined ? Promise.resolve() : check(() => chosen.arrayBuffer())
}

/** From the gateway that the page was built for; without one there is nothing to press. */
async function fetchEvidence(): Promise<void> {
  const gateway = document.getElementById('fetch')?.dataset.gateway
  const id = document.getElementById('answer') as HTMLInputElement | null // build-page.ts makes all three, or none
  const key = document.getElementById('key') as HTMLInputElement | null
  if (gateway === undefined || id === null || key === null) return
  await check(async () => {
    const url = `${gateway}/v1/evidence/${encodeURIComponent(id.value.trim())}`
    const response = await fetch(url, { headers: { authorization: `Bearer ${key.value.trim()}` } }).catch(() => {
      throw refusal(`${gateway} does not answer.`)
    })
    if (response.ok) return response.arrayBuffer()
    const body = await response.json().catch(() => undefined)
    throw refusal(String(body?.error?.message ?? `${gateway} answered ${response.status}.`))
  })
}

async function check(read: () => Promise<ArrayBuffer>): Promise<void> {
  say('Checking …', '', '')
  element('links').hidden = true
  // The browser paints once before the curves take the thread.
  await new Promise((resolve) => setTimeout(resolve, 20))
  try {
    show(verify(new Uint8Array(await read())))
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error
    say('This cannot be checked', error.message, 'bad')
  }
}

function verify(bytes: Uint8Array): TrustedVerdict {
  const hash = trust.value.trim()
  if (hash !== '' && !isHex(hash, 32)) throw refusal('The validator set hash is 0x and 64 hexadecimal digits.')
  if (!/^[1-9]\d{0,14}$/.test(epochLength.value.trim())) throw refusal('The blocks per epoch are a whole number.')
  const named = isHex(hash, 32) ? { validatorSetHash: hash } : {}
  const nowSeconds = BigInt(Math.floor(Date.now() / 1_000))
  return verifyEvidence(bytes, { ...named, epochLength: BigInt(epochLength.value.trim()) }, { nowSeconds })
}

function refusal(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message })
}

function show({ ok, trusted, links, trust: used }: TrustedVerdict): void {
  const broken = links.filter((link) => !link.ok)
  const about = `Chain ${used.chainId}, validator set ${used.validatorSetHash}`
  if (!ok) say(`Broken: ${broken.map(({ name }) => WORDS[name]).join(', ')}`, about, 'bad')
  else if (trusted) say('Every link holds', about, 'good')
  else
    say(
      'No link is broken, but nobody vouches for the validators',
      `${about}. Compare it with a source that you trust.`,
      'unsure',
    )
  element('list').replaceChildren(...links.map(listed))
  draw(links)
  element('links').hidden = false
}

function say(verdict: string, about: string, tone: string): void {
  element('result').hidden = false
  element('verdict').textContent = verdict
  element('verdict').className = tone
  element('about').textContent = about
}

function listed({ name, state, detail }: Link): HTMLElement {
  const item = document.createElement('li')
  const title = document.createElement('strong')
  const word = document.createElement('i')
  const text = document.createElement('span')
  item.className = state
  item.dataset.link = name
  word.textContent = `${STATES[state].mark} ${STATES[state].word}`
  title.append(`${WORDS[name]} `, word)
  text.textContent = detail
  item.append(title, text)
  return item
}

function draw(links: readonly Link[]): void {
  const edges = EDGES.map(([from, to]) => {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]]
    const detour = to === 'block' ? DETOURS[from] : undefined
    return svg('path', {
      class: 'edge',
      d: detour === undefined ? `M${x1} ${y1} L${x2} ${y2}` : `M${detour} ${y1} V${y2} H${x2}`,
    })
  })
  const boxes = links.map(({ name, state, detail }) => {
    const [x, y] = PLACES[name]
    const group = svg('g', { class: state })
    const title = svg('title', {})
    title.textContent = detail
    const mark = svg('text', { class: 'mark', x: x - 64, y: y + 5 })
    mark.textContent = STATES[state].mark
    const label = svg('text', { x: x - 46, y: y + 5 })
    label.textContent = WORDS[name]
    group.append(title, svg('rect', { class: 'box', x: x - 75, y: y - 19, width: 150, height: 38, rx: 8 }), mark, label)
    return group
  })
  element('graph').replaceChildren(...edges, ...boxes)
}

function svg(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
