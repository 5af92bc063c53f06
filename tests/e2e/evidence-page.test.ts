import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { withProgram } from '../../packages/adapters/test/with-server.ts'
import { buildPage } from '../../packages/verifier/tools/build-page.ts'

type Vectors = {
  readonly trust: { readonly validatorSetHash: string; readonly epochLength: string }
  readonly bundle: string
  readonly links: readonly { readonly name: string; readonly state: string }[]
  readonly mutants: readonly {
    readonly field: string
    readonly at: number
    readonly xor: number
    readonly broken: readonly string[]
  }[]
}

/** Bytes of the page with everything in it. Raise it only with the reason in the commit. */
const PAGE_BYTES_MAX = 260_000

withProgram('chromium', (executablePath) => {
  describe('the page that verifies evidence, opened from a file in Chromium', () => {
    let folder: string
    let context: BrowserContext
    let page: Page
    let vectors: Vectors
    let good: Buffer
    const errors: string[] = []
    const requests: string[] = []

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'zerog-page-'))
      vectors = JSON.parse(await readFile(new URL('../vectors/evidence.json', import.meta.url), 'utf8'))
      good = Buffer.from(vectors.bundle.slice(2), 'hex')
      const html = await buildPage()
      process.stdout.write(`verifier page: ${Buffer.byteLength(html)} bytes\n`)
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(PAGE_BYTES_MAX)
      await writeFile(join(folder, 'verify.html'), html)
      const launch = { executablePath, headless: true, chromiumSandbox: false, args: ['--disable-gpu', '--no-first-run'] }
      context = await chromium.launchPersistentContext(join(folder, 'profile'), {
        ...launch,
        viewport: { width: 1200, height: 1100 },
      })
      page = await context.newPage()
      page.on('pageerror', (error) => errors.push(String(error)))
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
      page.on('request', (request) => requests.push(request.url()))
      await page.goto(pathToFileURL(join(folder, 'verify.html')).href)
      await page.fill('#length', vectors.trust.epochLength)
    }, 120_000)

    afterAll(async () => {
      await context?.close()
      await rm(folder, { recursive: true, force: true })
    })

    /** Chooses a file and reads what the page says about it. */
    async function verify(bytes: Uint8Array, trust = vectors.trust.validatorSetHash) {
      await page.fill('#trust', trust)
      await page.setInputFiles('#file', { name: 'answer.0gev', mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) })
      return readResult()
    }

    async function readResult() {
      await page.waitForSelector('#verdict.good, #verdict.bad, #verdict.unsure')
      const verdict = await page.textContent('#verdict')
      const links = await page.$$eval('#links:not([hidden]) li', (items) =>
        items.map((item) => ({ name: item.dataset.link, state: item.className })),
      )
      const drawn = await page.$$eval('#graph g', (groups) => groups.map((group) => group.getAttribute('class')))
      if (process.env.ZEROG_SCREENSHOTS !== undefined) {
        await page.screenshot({
          path: join(process.env.ZEROG_SCREENSHOTS, `${verdict?.slice(0, 12).replaceAll(/\W/g, '-')}.png`),
          fullPage: true,
        })
      }
      return { verdict, links, drawn }
    }

    test('shows and draws every link of evidence that holds', async () => {
      const { verdict, links, drawn } = await verify(good)
      expect(verdict).toBe('Every link holds')
      expect(links).toEqual(vectors.links)
      expect(drawn).toEqual(vectors.links.map(({ state }) => state))
    })

    test('takes a file that is dropped', async () => {
      await page.reload()
      await page.fill('#length', vectors.trust.epochLength)
      await page.fill('#trust', vectors.trust.validatorSetHash)
      const dropped = await page.evaluateHandle((hex) => {
        const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
        const transfer = new (globalThis as any).DataTransfer() // the page's own world has it
        transfer.items.add(new File([bytes], 'dropped.0gev'))
        return transfer
      }, vectors.bundle.slice(2))
      await page.dispatchEvent('#drop', 'drop', { dataTransfer: dropped })
      expect((await readResult()).verdict).toBe('Every link holds')
    })

    test('names the links of changed files', async () => {
      for (const field of ['receipt.salt', 'receipt.signer', 'lineage', 'chainId']) {
        const { at, xor, broken } = vectors.mutants.find((mutant) => mutant.field === field) as Vectors['mutants'][number]
        const { verdict, links } = await verify(good.map((byte, index) => (index === at ? byte ^ xor : byte)))
        expect(verdict).toMatch(/^Broken: /)
        expect(links.filter(({ state }) => state === 'broken').map(({ name }) => name)).toEqual(broken)
      }
    })

    test('does not call a file true whose validators nobody named, or that is none', async () => {
      expect(await verify(good, '')).toMatchObject({ verdict: expect.stringContaining('nobody vouches') })
      expect(await verify(good, `0x${'11'.repeat(32)}`)).toMatchObject({ verdict: 'Broken: Validators' })
      expect(await verify(good, '0x11')).toMatchObject({ verdict: 'This cannot be checked', links: [] })
      expect(await verify(good.subarray(0, 700))).toMatchObject({ verdict: 'This cannot be checked', links: [] })
      expect(await page.textContent('#about')).toMatch(/byte \d+/)
    })

    test('asks nobody for anything, and no error was left', () => {
      expect(requests.filter((url) => !url.startsWith('file:'))).toEqual([])
      expect(errors).toEqual([])
    })

    test('built for a gateway, fetches evidence of an answer from there and from nowhere else', async () => {
      const asked: (string | undefined)[] = []
      const server = createServer((request, response) => {
        response.setHeader('access-control-allow-origin', '*').setHeader('access-control-allow-headers', 'authorization')
        if (request.method === 'OPTIONS') return response.writeHead(204).end()
        asked.push(`${request.url} ${request.headers.authorization}`)
        if (request.url?.endsWith('/chatcmpl-1') === true) return response.end(good)
        response.writeHead(409, { 'content-type': 'application/json' })
        return response.end('{"error":{"message":"the answer is not settled yet"}}')
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        await writeFile(join(folder, 'fetch.html'), await buildPage({ gateway: `${gateway}/some/path` }))
        await page.goto(pathToFileURL(join(folder, 'fetch.html')).href)
        await page.fill('#length', vectors.trust.epochLength)
        await page.fill('#trust', vectors.trust.validatorSetHash)
        const fetched = async (id: string) => {
          await page.fill('#answer', id)
          await page.fill('#key', 'sk-zerog-1')
          await page.click('#fetch button')
          return readResult()
        }
        expect((await fetched('chatcmpl-1')).verdict).toBe('Every link holds')
        expect(await fetched('chatcmpl-2')).toMatchObject({ verdict: 'This cannot be checked', links: [] })
        expect(await page.textContent('#about')).toBe('the answer is not settled yet')
        expect(asked).toEqual(['/v1/evidence/chatcmpl-1 Bearer sk-zerog-1', '/v1/evidence/chatcmpl-2 Bearer sk-zerog-1'])
        const elsewhere = await page.evaluate(
          (url) =>
            fetch(url).then(
              () => 'connected',
              () => 'refused',
            ),
          `${gateway}/v1/models`,
        )
        expect(elsewhere).toBe('refused')
      } finally {
        server.close()
      }
    })
  })
})
