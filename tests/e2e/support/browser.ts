import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
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
 * evaluate no text: WebAssembly is all it needs. Without Chromium's sandbox, which roots and many containers cannot have: the browser
 * sees nothing but this page.
 */
export async function openWebPage(options: {
  readonly executablePath: string
  /** An empty or missing folder. */
  readonly profile: string
  readonly code: Uint8Array
  readonly connectTo: readonly string[]
}): Promise<WebPage> {
  const { origin, close: closeServer } = await servePage(options)
  const { executablePath, profile } = options
  const launch = { executablePath, headless: true, chromiumSandbox: false, args: FLAGS }
  const browser = await chromium.launchPersistentContext(profile, launch).catch(async (error: unknown) => {
    await closeServer()
    throw error
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
