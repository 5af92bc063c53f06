import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from '@jest/globals'

const PACKAGES = resolve(import.meta.dirname, '../..')

/** Every file of ours that `import … from '@zerog/sdk'` loads. */
function loadedFiles(entry: string): ReadonlyMap<string, string> {
  const seen = new Map<string, string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    const text = readFileSync(file, 'utf8')
    seen.set(file, text)
    for (const [, specifier] of text.matchAll(/^(?:import|export)\s(?!type\s)[^'"]*?from\s+['"]([^'"]+)['"]/gms)) {
      if (specifier?.startsWith('.') === true) visit(resolve(file, '..', specifier))
      const own = /^@zerog\/([a-z]+)$/.exec(specifier ?? '')?.[1]
      if (own !== undefined) visit(join(PACKAGES, own, 'src/index.ts'))
    }
  }
  visit(entry)
  return seen
}

test('the main entry loads nothing that a browser lacks', () => {
  const files = loadedFiles(join(PACKAGES, 'sdk/src/index.ts'))
  expect([...files.keys()].filter(existsSync).length).toBeGreaterThan(25)
  const offenders = [...files].filter(([, text]) => /from\s+['"](node:|@zerog\/(adapters|runtime|contracts))/.test(text))
  expect(offenders.map(([file]) => relative(PACKAGES, file))).toEqual([])
})
