import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { BASE_IMAGE, CACHE, container, containersProblem, IMAGE, imageExists, must, ROOT } from './containers.ts'
import { releaseVersion } from './version.ts'

/**
 * `pnpm image [--tag name] [--published] [--base-image x] [--build-image y] [--package @zerog/cli]`: builds deploy/Dockerfile and says what came
 * out. Without --published both bases are made here: a minimal Debian by mmdebstrap, and the same with this machine's npm and our Node.
 */
const BUILD_IMAGE = 'localhost/zerog-build:bookworm'

const { values } = parseArgs({
  options: {
    tag: { type: 'string', default: IMAGE },
    published: { type: 'boolean', default: false },
    'base-image': { type: 'string' },
    'build-image': { type: 'string' },
    package: { type: 'string', default: '@zerog/cli' },
  },
})

const problem = containersProblem(['podman', 'buildah', 'runc', ...(values.published ? [] : (['mmdebstrap'] as const))])
if (problem !== undefined) {
  process.stderr.write(`zerog: no image can be built here: ${problem}\n`)
  process.exit(1)
}
const startedMs = performance.now()
const bases = values.published ? {} : { base: localBase(), build: localBuildBase() }
const base = values['base-image'] ?? bases.base
const build = values['build-image'] ?? bases.build
must('buildah', buildArguments(), { show: true })
const sizeBytes = Number(must('podman', ['image', 'inspect', values.tag, '--format', '{{.Size}}']))
const baseBytes = base === undefined ? undefined : Number(must('podman', ['image', 'inspect', base, '--format', '{{.Size}}']))
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
process.stdout.write(
  `${values.tag}: ${mb(sizeBytes)}${baseBytes === undefined ? '' : `, of which the base ${mb(baseBytes)}`}, built in ${seconds} s\n`,
)

function buildArguments(): readonly string[] {
  const revision = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout?.trim()
  const npmrc = join(homedir(), '.npmrc')
  const authorities = process.env.NODE_EXTRA_CA_CERTS
  return [
    ...['build', '--isolation', 'chroot', '--network', 'host', '--layers', '--file', join(ROOT, 'deploy/Dockerfile')],
    ...(base === undefined ? [] : ['--build-arg', `BASE_IMAGE=${base}`]),
    ...(build === undefined ? [] : ['--build-arg', `BUILD_IMAGE=${build}`]),
    ...[
      '--build-arg',
      `PACKAGE=${values.package}`,
      '--build-arg',
      `REVISION=${revision ?? 'unknown'}`,
      '--build-arg',
      `VERSION=${releaseVersion()}`,
    ],
    ...(existsSync(npmrc) ? ['--secret', `id=npmrc,src=${npmrc}`] : []),
    ...(authorities !== undefined && existsSync(authorities) ? ['--secret', `id=ca,src=${authorities}`] : []),
    ...['--tag', values.tag, ROOT],
  ]
}

function localBase(): string {
  if (imageExists(BASE_IMAGE)) return BASE_IMAGE
  const archive = join(CACHE, 'base.tar')
  process.stderr.write('zerog: making a minimal Debian as base of the image\n')
  mkdirSync(CACHE, { recursive: true })
  must('mmdebstrap', ['--quiet', '--variant=minbase', '--include=ca-certificates', 'bookworm', archive])
  must('podman', ['import', '--quiet', archive, BASE_IMAGE])
  rmSync(archive)
  return BASE_IMAGE
}

/** The base with Node and npm, as a published Node image has them. */
function localBuildBase(): string {
  if (imageExists(BUILD_IMAGE)) return BUILD_IMAGE
  const context = mkdtempSync(join(tmpdir(), 'zerog-build-image-'))
  try {
    cpSync(realpathSync(process.execPath), join(context, 'node'))
    cpSync(npmFolder(), join(context, 'npm'), { recursive: true, dereference: true })
    const lines = [
      `FROM ${localBase()}`,
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    ]
    writeFileSync(join(context, 'Containerfile'), `${lines.join('\n')}\n`)
    must('buildah', ['build', '--quiet', '--isolation', 'chroot', '--tag', BUILD_IMAGE, context])
    return BUILD_IMAGE
  } finally {
    rmSync(context, { recursive: true })
  }
}

function npmFolder(): string {
  const npm = container('sh', ['-c', 'command -v npm']).stdout.trim()
  if (npm === '') throw new Error('npm is not on the PATH; it comes with Node')
  // …/npm/bin/npm-cli.js, which `npm` is a link to
  return dirname(dirname(realpathSync(npm)))
}
