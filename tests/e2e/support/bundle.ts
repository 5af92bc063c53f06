import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

export type Bundle = { readonly code: Uint8Array; readonly minifiedBytes: number; readonly gzipBytes: number }

/**
 * What a web application ships of `source` (a module that may import the packages of this repository): one minified module. Fails
 * on anything that a browser has not, such as `node:fs`. `external` packages stay imports.
 */
export async function bundleForBrowser(source: string, external: readonly string[] = []): Promise<Bundle> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    external: [...external],
    logLevel: 'silent',
  })
  const code = outputFiles[0]?.contents
  if (code === undefined) throw new Error('the bundler gave no output')
  return { code, minifiedBytes: code.length, gzipBytes: gzipSync(code).length }
}
