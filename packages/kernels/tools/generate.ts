// Writes src/*.wasm.ts from assembly/. With --check: compares instead, and fails where a file is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

/** `name` is that of src/<name>.wasm.ts; pages are 64 KiB and never grow. */
const KERNELS = [
  { name: 'keccak', source: 'keccak', flags: ['--initialMemory', '6', '--maximumMemory', '6', '--enable', 'simd'] },
  { name: 'sha256', source: 'sha256', flags: ['--initialMemory', '18', '--maximumMemory', '18', '--enable', 'simd'] },
  { name: 'erasure', source: 'erasure', flags: ['--initialMemory', '728', '--maximumMemory', '728', '--enable', 'simd'] },
  { name: 'transformer', source: 'transformer', flags: ['--initialMemory', '1', '--enable', 'simd'] },
  { name: 'evm', source: 'evm', flags: ['--initialMemory', '1', '--maximumMemory', '1'] },
  { name: 'train', source: 'train', flags: ['--initialMemory', '2', '--enable', 'simd'] },
  {
    name: 'erasure-relaxed',
    source: 'erasure',
    flags: [
      ...['--initialMemory', '728', '--maximumMemory', '728', '--enable', 'simd', '--enable', 'relaxed-simd'],
      ...['--use', 'RELAXED=1'],
    ],
  },
]
const folder = fileURLToPath(new URL('..', import.meta.url))

/** File name in src/ to content. Throws the compiler's own messages. */
export async function renderKernels(): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const kernel of KERNELS) files[`${kernel.name}.wasm.ts`] = render(kernel, await compile(kernel))
  return files
}

/** Names of files in src/ that differ from what the sources give. */
export function staleKernels(rendered: Record<string, string>): string[] {
  return Object.keys(rendered).filter((file) => {
    const path = `${folder}src/${file}`
    return !existsSync(path) || readFileSync(path, 'utf8') !== rendered[file]
  })
}

async function compile({ name, source: file, flags }: (typeof KERNELS)[number]): Promise<Uint8Array> {
  const source = `assembly/${file}.ts`
  let binary: Uint8Array | undefined
  const { error, stderr } = await asc.main(
    [source, '--outFile', `${name}.wasm`, '-O3', '--noAssert', '--runtime', 'stub', ...flags],
    {
      readFile: (path) => (existsSync(folder + path) ? readFileSync(folder + path, 'utf8') : null),
      writeFile: (path, contents) => {
        if (path.endsWith('.wasm')) binary = contents as Uint8Array // asc writes binaries as bytes
      },
      listFiles: () => [],
    },
  )
  if (error !== null || binary === undefined) throw new Error(`${source}: ${error?.message ?? 'no output'}\n${stderr.toString()}`)
  return binary
}

function render({ name, source }: (typeof KERNELS)[number], binary: Uint8Array): string {
  const text = Buffer.from(binary).toString('base64')
  const constant = `${name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}Wasm`
  return `// Generated from assembly/${source}.ts by tools/generate.ts (${binary.length} bytes). Do not edit.\nexport const ${constant} =\n  '${text}'\n`
}

if (import.meta.main) {
  const rendered = await renderKernels()
  const stale = staleKernels(rendered)
  if (process.argv.includes('--check')) {
    if (stale.length > 0) {
      console.error(`stale: ${stale.join(', ')}; run: pnpm --filter @zerog/kernels generate`)
      process.exitCode = 1
    }
  } else {
    for (const [file, content] of Object.entries(rendered)) writeFileSync(`${folder}src/${file}`, content)
    console.log(`${Object.keys(rendered).length} kernels, ${stale.length} changed`)
  }
}
