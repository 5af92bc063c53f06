import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

/**
 * The page as one file that needs no server: script and style inside, and a policy that allows nothing else, no connection above all.
 * `node packages/verifier/tools/build-page.ts <file>` writes it. With a gateway (`--gateway https://…`) it can fetch evidence of an answer
 * from there, and connect to nothing else.
 */
export async function buildPage({ gateway }: { readonly gateway?: string } = {}): Promise<string> {
  const origin = gateway === undefined ? undefined : originOf(gateway)
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../page/app.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2024',
    charset: 'utf8',
    logLevel: 'silent',
  })
  const code = outputFiles[0]?.text
  if (code === undefined) throw new Error('the bundler gave no output')
  const script = code.trim().replaceAll('</script', '<\\/script')
  const template = await readFile(new URL('../page/index.html', import.meta.url), 'utf8')
  const style = /<style>([\s\S]*)<\/style>/.exec(template)?.[1] ?? ''
  // WebAssembly is what hashes Keccak; text is never evaluated.
  const policy = `default-src 'none'; script-src ${sourceOf(script)} 'wasm-unsafe-eval'; style-src ${sourceOf(style)}; base-uri 'none'; form-action 'none'${origin === undefined ? '' : `; connect-src ${origin}/v1/evidence/`}`
  return template
    .replace('<!--policy-->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace('<!--promise-->', () =>
      origin === undefined ? 'It sends nothing anywhere.' : `It asks ${origin} alone, and only when you fetch a file.`,
    )
    .replace('<!--gateway-->', () => (origin === undefined ? '' : FETCH_FIELDS.replaceAll('<!--origin-->', origin)))
    .replace('<!--script-->', () => `<script>${script}</script>`)
}

const FETCH_FIELDS = `<fieldset id="fetch" data-gateway="<!--origin-->">
      <legend>Or fetch it from <!--origin--></legend>
      <label>Id of the answer <input type="text" id="answer" autocomplete="off" spellcheck="false"></label>
      <label>Key that asked <input type="password" id="key" autocomplete="off"></label>
      <button type="submit">Fetch and check</button>
    </fieldset>`

/** Nothing but scheme, host and port goes into markup and policy. */
function originOf(gateway: string): string {
  const { origin, protocol } = new URL(gateway)
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`a gateway is an http or https URL, not ${gateway}`)
  return origin
}

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({ options: { gateway: { type: 'string' } }, allowPositionals: true })
  const target = resolve(positionals[0] ?? 'verify.html')
  const page = await buildPage(values)
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, page)
  process.stdout.write(`${target}: ${page.length} characters\n`)
}
