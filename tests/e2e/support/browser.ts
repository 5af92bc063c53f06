import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'

export type WebPage = {
  readonly page: Page
  readonly origin: string
  /** Errors that nothing in the page caught, and what its content policy refused. */
  readonly errors: readonly string[]
  readonly close: () => Promise<void>
}

const FLAGS = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * A page with one file input that runs `code`, from a server and in a browser of its own. It may connect only to `connectTo` and
 * evaluate no text: WebAssembly is all it needs.
 */
export async function openWebPage(
  executablePath: string,
  options: { readonly code: Uint8Array; readonly connectTo: readonly string[] },
): Promise<WebPage> {
  const { origin, close: closeServer } = await servePage(options)
  const profile = await mkdtemp(join(tmpdir(), 'zerog-browser-'))
  const isRoot = process.getuid?.() === 0
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    chromiumSandbox: !isRoot,
    args: [...FLAGS, ...(isRoot ? ['--no-sandbox'] : [])],
  })
  const errors: string[] = []
  const page = await browser.newPage()
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(origin)
  return {
    page,
    origin,
    errors,
    async close() {
      await browser.close()
      await closeServer()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

async function servePage({ code, connectTo }: { readonly code: Uint8Array; readonly connectTo: readonly string[] }) {
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src ${connectTo.join(' ')}`
  const server = createServer((request, response) => {
    if (request.url === '/favicon.ico') return response.writeHead(204).end()
    if (request.url === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(code)
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy })
    return response.end('<!doctype html><input type="file"><script type="module" src="/app.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
