import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `node tools/version.ts <x.y.z>`: writes the version of a release wherever one stands. `node tools/version.ts --check`: names each place
 * that says another one than package.json, and ends with 1.
 */
const ROOT = join(import.meta.dirname, '..')
const VERSION = /^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/

/** Files and the text before the version in them; every file has to have at least one such place. */
export const PLACES: readonly { readonly files: string; readonly before: RegExp }[] = [
  { files: 'package.json', before: /^ {2}"version": "/gm },
  { files: '{packages,services}/*/package.json', before: /^ {2}"version": "/gm },
  { files: '{tests,bench}/package.json', before: /^ {2}"version": "/gm },
  {
    files: 'helm/{chain,storage,da,compute,gateway,zerog}/Chart.yaml',
    before: /^(?:version|appVersion): |(?<=name: [a-z]+), version: /gm,
  },
  { files: 'helm/common/Chart.yaml', before: /^version: /gm },
  { files: 'helm/*/values.yaml', before: /^ {4}tag: /gm },
  { files: 'deploy/Dockerfile', before: /^ARG VERSION=/gm },
  { files: 'deploy/compose.yaml', before: /localhost\/zerog:/g },
  { files: 'docs/deployment.md', before: /(?:localhost|registry\.example)\/zerog:/g },
  { files: 'services/chain/src/adapters/json-rpc/json-rpc.ts', before: /`zerog\/v/g },
]
const WORD = /^[0-9][0-9a-z.-]*[0-9a-z]/

/** The text with `version` in each of its places, and what stood there. */
export function withVersion(
  text: string,
  before: RegExp,
  version: string,
): { readonly text: string; readonly found: readonly string[] } {
  const found: string[] = []
  let result = ''
  let end = 0
  for (const match of text.matchAll(before)) {
    const start = match.index + match[0].length
    const old = WORD.exec(text.slice(start))?.[0] ?? ''
    found.push(old)
    result += text.slice(end, start) + version
    end = start + old.length
  }
  return { text: result + text.slice(end), found }
}

/** `file: what it says` for each place that says another version. */
export function deviations(version: string, root = ROOT): readonly string[] {
  return filesOf(root).flatMap(({ file, before }) => {
    const { found } = withVersion(readFileSync(join(root, file), 'utf8'), before, version)
    if (found.length === 0) return [`${file}: no version`]
    return found.filter((said) => said !== version).map((said) => `${file}: ${said || 'no version'}`)
  })
}

export function releaseVersion(root = ROOT): string {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
}

function filesOf(root: string): readonly { readonly file: string; readonly before: RegExp }[] {
  return PLACES.flatMap(({ files, before }) =>
    globSync(files, { cwd: root })
      .sort()
      .map((file) => ({ file, before })),
  )
}

if (import.meta.main) {
  const [wanted = ''] = process.argv.slice(2)
  if (wanted === '--check') {
    const wrong = deviations(releaseVersion())
    for (const line of wrong) process.stderr.write(`${line}\n`)
    process.exitCode = wrong.length > 0 ? 1 : 0
  } else if (VERSION.test(wanted)) {
    for (const { file, before } of filesOf(ROOT)) {
      const path = join(ROOT, file)
      writeFileSync(path, withVersion(readFileSync(path, 'utf8'), before, wanted).text)
    }
  } else {
    process.stderr.write('usage: node tools/version.ts <x.y.z> | --check\n')
    process.exitCode = 2
  }
}
