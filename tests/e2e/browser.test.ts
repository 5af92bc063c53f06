import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { buildFileTree, SEGMENT_BYTES, toHex } from '@zerog/primitives'
import { withProgram } from '../../packages/adapters/test/with-server.ts'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from './devnet.ts'
import { openWebPage, type WebPage } from './support/browser.ts'
import type { PageCalls } from './support/browser-page.ts'
import { bundleForBrowser } from './support/bundle.ts'

/** Bytes of the minified bundle. Raise one only with the reason in the commit. */
const BUDGETS = [
  { what: 'whole entry', source: "export * from '@zerog/sdk'", budget: 285_000 },
  { what: 'whole entry without viem', source: "export * from '@zerog/sdk'", external: ['viem'], budget: 75_000 },
  { what: 'client only', source: "export { createZerogClient } from '@zerog/sdk'", budget: 265_000 },
  {
    what: 'client only, without viem',
    source: "export { createZerogClient } from '@zerog/sdk'",
    external: ['viem'],
    budget: 69_000,
  },
  { what: 'light client alone', source: "export { nobleMultisignature, sampleBundle } from '@zerog/sdk/light'", budget: 130_000 },
  {
    what: 'client and light client',
    source:
      "export { createZerogClient } from '@zerog/sdk'\nexport { nobleMultisignature, sampleBundle } from '@zerog/sdk/light'",
    budget: 380_000,
  },
]

describe('the SDK in a bundle for browsers', () => {
  test.each(BUDGETS)('stays in its budget: $what', async ({ what, source, external, budget }) => {
    const { minifiedBytes, gzipBytes } = await bundleForBrowser(source, external)
    process.stdout.write(`sdk bundle, ${what}: ${minifiedBytes} bytes minified (budget ${budget}), ${gzipBytes} with gzip\n`)
    expect(minifiedBytes).toBeLessThanOrEqual(budget)
    // A budget far above the truth guards nothing.
    expect(minifiedBytes).toBeGreaterThan(budget * 0.85)
  })

  test('is refused by the bundler when it needs what browsers have not', async () => {
    const failure = await bundleForBrowser("export * from '@zerog/kernels/pool'").catch(String)
    expect(failure).toMatch('node:worker_threads')
  })
})

withProgram('chromium', (executablePath) => {
  describe('the SDK in Chromium', () => {
    const data = randomBytes(4 * SEGMENT_BYTES + 1000)
    const tree = buildFileTree(data)
    const root = toHex(tree.root)
    const sha256 = toHex(createHash('sha256').update(data).digest())
    let dataDir: string | undefined
    let devnet: TestDevnet
    let web: WebPage | undefined
    let gatewayUrl: string
    let key: `0x${string}`
    const silent = createServer((_, response) => response.end('a secret of another origin'))
    let silentUrl: string

    beforeAll(async () => {
      dataDir = await temporaryFolder()
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
      const [started, { code }] = await Promise.all([startDevnet(dataDir), bundleForBrowser("import './browser-page.ts'")])
      devnet = started
      gatewayUrl = devnet.endpoints.gatewayUrl
      key = devnet.endpoints.accounts[0]?.privateKey as `0x${string}` // the launcher's keys are hexadecimal
      const connectTo = [gatewayUrl, devnet.endpoints.wsUrl, silentUrl]
      web = await openWebPage({ executablePath, profile: join(dataDir, 'browser'), code, connectTo })
      await writeFile(join(dataDir, 'chosen.bin'), data)
      await web.page.setInputFiles('input', join(dataDir, 'chosen.bin'))
    }, 300_000)

    afterAll(async () => {
      await web?.close()
      silent.close()
      if (dataDir !== undefined) await removeDevnet(dataDir)
    }, 300_000)

    /** Runs one function of browser-page.ts in the page. */
    function inPage<Name extends keyof PageCalls>(
      name: Name,
      ...args: Parameters<PageCalls[Name]>
    ): Promise<Awaited<ReturnType<PageCalls[Name]>>> {
      if (web === undefined) throw new Error('the page is not open')
      return web.page.evaluate(
        // The page's own world: what the bundle put there is not in the types of this file.
        ([called, values]) => (globalThis as any).zerogPage[called as string](...(values as unknown[])),
        [name, args] as const,
      )
    }

    test('runs without anything of Node, from an origin that is not the gateway', async () => {
      const engine = await inPage('engine')
      expect(engine).toEqual({
        hasBuffer: false,
        hasProcess: false,
        origin: web?.origin,
        hex: '0x0001feff',
        keccak: '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
      })
      expect(engine.origin).not.toBe(new URL(gatewayUrl).origin)
    })

    test('reads the chain across origins', async () => {
      const status = await inPage('status', gatewayUrl)
      expect(status).toMatchObject({ chainId: 31337, height: expect.any(BigInt), blockHash: expect.stringMatching(/^0x\w{64}$/) })
    })

    test('uploads a chosen file with a local account and reports each phase', async () => {
      const { uploaded, progress } = await inPage('upload', gatewayUrl, key)
      expect(uploaded).toMatchObject({ root, sizeBytes: data.length, finalized: true, segments: { total: 5, sent: 5 } })
      expect(uploaded.fee).toBeGreaterThan(0n)
      const phases = ['hash', 'submit', 'confirm', 'upload', 'finalize']
      expect([...new Set(progress.map((event) => event.phase))]).toEqual(phases)
      for (const phase of phases) {
        const done = progress.filter((event) => event.phase === phase).map((event) => event.done)
        expect(done).toEqual([...done].sort((a, b) => a - b))
      }
      expect(progress.filter((event) => event.phase === 'hash').at(-1)?.done).toBe(data.length)
      expect(progress.filter((event) => event.phase === 'upload').map((event) => event.done)).toEqual([0, 1, 2, 3, 4, 5])
    })

    test('downloads it part by part, each proven, to the same bytes', async () => {
      const downloaded = await inPage('download', gatewayUrl, root)
      expect(downloaded.sha256).toBe(sha256)
      expect(downloaded.progress.at(-1)).toEqual({ done: data.length, total: data.length })
      // Each part is handed out when it is there, not at the end.
      expect(downloaded.reportsSeen).toEqual([1, 2, 3, 4, 5])
      const start = SEGMENT_BYTES - 10
      expect(await inPage('range', gatewayUrl, root, start, start + 20)).toBe(toHex(data.subarray(start, start + 20)))
    })

    test('what the page stored is what the command line reads', async () => {
      const copy = join(devnet.dataDir, 'copy.bin')
      const copied = await devnet.zerog('storage', 'cp', `zg://${root}`, copy, '--json')
      expect(copied.code).toBe(0)
      expect(data.equals(await readFile(copy))).toBe(true)
    })

    test.each(['data', 'lemma', 'path', 'no proof'] as const)('refuses a segment with a forged answer: %s', async (what) => {
      const refusal = await inPage('downloadTampered', gatewayUrl, root, what)
      expect(refusal).toMatchObject({
        reason: 'VERIFICATION_FAILED',
        message: expect.stringMatching('segment 1 does not belong'),
      })
    })

    test('gets it without the SDK too, by range and with its validator, across origins', async () => {
      const file = await inPage('restRange', `${gatewayUrl}/indexer/file?root=${root}`, 'bytes=5-8')
      expect(file).toMatchObject({ status: 206, contentRange: `bytes 5-8/${data.length}`, hex: toHex(data.subarray(5, 9)) })
      expect(file.etag).toMatch(/^".+"$/)
    })

    test('says so when the page cancels, and when it names a path', async () => {
      expect(await inPage('cancelledUpload', gatewayUrl, key)).toMatchObject({ reason: 'CANCELLED' })
      const refusal = await inPage('path', gatewayUrl, key)
      expect(refusal).toMatchObject({ reason: 'INVALID_ARGUMENT', message: expect.stringMatching('pass the File or Blob') })
    })

    test('hears of new heads over a WebSocket', async () => {
      const { before, seen, sameBlock } = await inPage('newHeads', { gatewayUrl, wsUrl: devnet.endpoints.wsUrl }, key)
      expect(seen.number).toBeGreaterThan(before)
      expect(sameBlock).toBe(true)
    })

    test('has its network in memory too, for the tests of web applications, and takes streams', async () => {
      expect(await inPage('streamInMemory', key)).toEqual({ root, sizeBytes: data.length })
    })

    test('samples a bundle of data availability as a light client, and finds the row that was changed on the way', async () => {
      const { report, ms } = await inPage('sample', gatewayUrl, 300_000, false)
      expect(report).toMatchObject({ available: true, rows: { length: 16 }, certificate: { committeeFrom: 'caller' } })
      process.stdout.write(`16 rows in the page: ${report.bytesFetched} bytes, ${ms} ms with the certificate\n`)
      const lied = await inPage('sample', gatewayUrl, 2_000, true)
      expect(lied.report.available).toBe(false)
      expect(lied.report.rows.filter(({ ok }) => !ok)).toHaveLength(1)
    })

    test('did all that with no error that nobody caught, in a browser that keeps origins apart', async () => {
      expect(web?.errors).toEqual([])
      // The same page may not read a server that does not allow it: what worked above is the gateway's doing.
      expect(await inPage('fetchText', silentUrl)).toMatch(/^refused: TypeError/)
      expect(await inPage('fetchText', `${gatewayUrl}/status`)).toMatch('"ready":true')
    })
  })
})
