import { keccak256, toHex } from '@zerog/primitives'
import { createZerogClient, gatewayEndpoints, httpTransport, memoryTransport, type UploadProgress, ZerogError } from '@zerog/sdk'
import { nobleMultisignature, sampleBundle } from '@zerog/sdk/light'
import { createPublicClient, webSocket } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

// A user's web application: bundled, loaded from an origin of its own, and called by the test function by function.

type Key = `0x${string}`
type Root = `0x${string}`
export type Refusal = { readonly reason: string; readonly message: string }

const calls = {
  engine: () => ({
    hasBuffer: 'Buffer' in globalThis,
    hasProcess: 'process' in globalThis,
    origin: location.origin,
    hex: toHex(Uint8Array.from([0, 1, 0xfe, 0xff])),
    keccak: toHex(keccak256(new Uint8Array())),
  }),

  status: (gatewayUrl: string) => clientOf(gatewayUrl).chain.status(),

  async upload(gatewayUrl: string, key: Key) {
    const progress: UploadProgress[] = []
    const uploaded = await clientOf(gatewayUrl, key).storage.upload(chosenFile(), { onProgress: (event) => progress.push(event) })
    return { uploaded, progress }
  },

  async download(gatewayUrl: string, root: Root) {
    const { storage } = clientOf(gatewayUrl)
    const progress: { readonly done: number; readonly total: number }[] = []
    const parts: Uint8Array<ArrayBuffer>[] = []
    /** Reports that had come when each part came. */
    const reportsSeen: number[] = []
    for await (const part of storage.download(root, { onProgress: (event) => progress.push(event), parallel: 2 })) {
      parts.push(new Uint8Array(part))
      reportsSeen.push(progress.length)
    }
    const bytes = await new Blob(parts).arrayBuffer()
    return { sha256: toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))), progress, reportsSeen }
  },

  range: async (gatewayUrl: string, root: Root, start: number, end: number) =>
    toHex(await clientOf(gatewayUrl).storage.downloadBytes(root, { range: { start, end } })),

  /** The gateway's answers pass a hand that changes one thing of the second segment. */
  async downloadTampered(gatewayUrl: string, root: Root, what: keyof typeof TAMPERINGS): Promise<Refusal> {
    const tampering: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      const { method, params } = JSON.parse(String(init?.body))
      if (method !== 'zgs_downloadSegmentWithProofByTxSeq' || params[1] !== 1) return response
      const answer = await response.json()
      TAMPERINGS[what](answer.result)
      return new Response(JSON.stringify(answer))
    }
    const endpoints = gatewayEndpoints(gatewayUrl)
    const client = createZerogClient({ endpoints, transport: httpTransport(endpoints, { fetch: tampering }) })
    return refusalOf(client.storage.downloadBytes(root))
  },

  cancelledUpload(gatewayUrl: string, key: Key): Promise<Refusal> {
    const controller = new AbortController()
    const onProgress = ({ phase }: UploadProgress) => {
      if (phase === 'submit') controller.abort()
    }
    const file = new Blob([crypto.getRandomValues(new Uint8Array(1000))])
    return refusalOf(clientOf(gatewayUrl, key).storage.upload(file, { onProgress, signal: controller.signal }))
  },

  /** Subscribes, sends a transaction, and resolves with the first head that is above the block before it. */
  async newHeads(endpoints: { readonly gatewayUrl: string; readonly wsUrl: string }, key: Key) {
    const client = clientOf(endpoints.gatewayUrl, key)
    const socket = createPublicClient({ transport: webSocket(endpoints.wsUrl, { reconnect: false }) })
    const { height } = await client.chain.status()
    const head = Promise.withResolvers<{ readonly number: bigint; readonly hash: string }>()
    const { unsubscribe } = await socket.transport.subscribe({
      params: ['newHeads'],
      onData: ({ result }) => {
        if (BigInt(result.number) > height) head.resolve({ number: BigInt(result.number), hash: result.hash })
      },
      onError: head.reject,
    })
    const { from } = await client.chain.send({ to: privateKeyToAccount(key).address, value: 1n })
    const seen = await head.promise
    const block = await client.chain.block(seen.number)
    await unsubscribe()
    const { socket: raw } = await socket.transport.getRpcClient()
    raw.close()
    return { before: height, seen, sameBlock: block.hash === seen.hash, from }
  },

  /** Disperses random bytes, then samples their bundle as a light client does, with the committee's root as another answer told it. */
  async sample(gatewayUrl: string, sizeBytes: number, lie: boolean) {
    const endpoints = gatewayEndpoints(gatewayUrl)
    const client = createZerogClient({ endpoints })
    const bytes = new Uint8Array(sizeBytes)
    for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    const { parts } = await client.da.disperse(new Blob([bytes]), { wait: 'certified' })
    const [bundle] = parts
    if (bundle === undefined) throw new Error('a certified blob has a part')
    const { root } = await client.da.committee({ epoch: bundle.epoch })
    // The last byte of the answer belongs to the path of the last row.
    const flipping: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!String(input).includes('/rows?')) return response
      const frames = new Uint8Array(await response.arrayBuffer())
      frames[frames.length - 1] = (frames[frames.length - 1] ?? 0) ^ 1
      return new Response(frames)
    }
    const asked = lie ? createZerogClient({ endpoints, transport: httpTransport(endpoints, { fetch: flipping }) }) : client
    const startedMs = performance.now()
    const report = await sampleBundle(asked, bundle, { multisignature: nobleMultisignature, committeeRoot: root })
    return { report, ms: Math.round(performance.now() - startedMs) }
  },

  /** The network inside the page: nothing is fetched. */
  async streamInMemory(key: Key) {
    const client = createZerogClient({ transport: memoryTransport(), account: privateKeyToAccount(key) })
    const { root } = await client.storage.upload(chosenFile().stream())
    return { root, sizeBytes: (await client.storage.downloadBytes(root)).length }
  },

  /** What the page may read of another origin. */
  fetchText: (url: string): Promise<string> =>
    fetch(url).then(
      (response) => response.text(),
      (error: unknown) => `refused: ${String(error)}`,
    ),

  async restRange(url: string, range: string) {
    const response = await fetch(url, { headers: { range } })
    const { status, headers } = response
    const hex = toHex(new Uint8Array(await response.arrayBuffer()))
    return { status, contentRange: headers.get('content-range'), etag: headers.get('etag'), hex }
  },

  path: (gatewayUrl: string, key: Key) => refusalOf(clientOf(gatewayUrl, key).storage.upload({ path: '/etc/hostname' })),
} as const

const TAMPERINGS = {
  data: (segment: Segment) => {
    segment.data = (segment.data.startsWith('A') ? 'B' : 'A') + segment.data.slice(1)
  },
  lemma: (segment: Segment) => {
    segment.proof.lemma[1] = toHex(crypto.getRandomValues(new Uint8Array(32)))
  },
  path: (segment: Segment) => {
    segment.proof.path[0] = !segment.proof.path[0]
  },
  'no proof': (segment: Segment) => {
    segment.proof = { lemma: [], path: [] }
  },
}
type Segment = { data: string; proof: { lemma: string[]; path: boolean[] } }

function clientOf(gatewayUrl: string, key?: Key) {
  const account = key === undefined ? {} : { account: privateKeyToAccount(key) }
  return createZerogClient({ endpoints: gatewayEndpoints(gatewayUrl), ...account })
}

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work
  } catch (error) {
    if (error instanceof ZerogError) return { reason: error.reason, message: error.message }
    throw error
  }
  return { reason: 'none', message: 'it was accepted' }
}

/** What the user chose in the page's only input. */
function chosenFile(): File {
  // `as`: the types in this repository are those of a worker, which has no document.
  const { document } = globalThis as unknown as { document: { querySelector: (name: string) => { files: ArrayLike<File> } } }
  const file = document.querySelector('input').files[0]
  if (file === undefined) throw new Error('no file was chosen')
  return file
}

export type PageCalls = typeof calls

Object.assign(globalThis, { zerogPage: calls })
