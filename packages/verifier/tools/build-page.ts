import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * The page as one file that needs no server: script and style inside, and a policy that allows nothing else, no connection above all.
 * `node packages/verifier/tools/build-page.ts <file>` writes it.
 */
export async function buildPage(): Promise<string> {
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
  const policy = `default-src 'none'; script-src ${sourceOf(script)} 'wasm-unsafe-eval'; style-src ${sourceOf(style)}; base-uri 'none'; form-action 'none'`
  return template
    .replace('<!--policy-->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace('<!--script-->', () => `<script>${script}</script>`)
}

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = resolve(process.argv[2] ?? 'verify.html')
  const page = await buildPage()
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, page)
  process.stdout.write(`${target}: ${page.length} characters\n`)
}
