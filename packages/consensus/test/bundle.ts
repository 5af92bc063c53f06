import { build } from 'esbuild'

export type BundlePart = 'light-client' | 'noble'

/** The code that a web application ships for the light client, with `noble` for its BLS: one minified script that sets `zerog`. */
export async function bundleForBrowser(parts: readonly BundlePart[]): Promise<string> {
  const files = { 'light-client': '../src/light-client/index.ts', noble: '../src/noble.ts' }
  const { outputFiles } = await build({
    stdin: {
      contents: parts.map((part) => `export * from '${files[part]}'`).join(';'),
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    globalName: 'zerog',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  return (outputFiles[0] as (typeof outputFiles)[number]).text
}
