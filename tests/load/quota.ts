import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Short, so that a limited process stutters less than a request lasts. */
const PERIOD_US = 20_000

type Layout = { readonly root: string; readonly limit: (group: string, quotaUs: number) => void }

/** Version 1 as a folder of its own, version 2 as one tree. */
const LAYOUTS: readonly Layout[] = [
  {
    root: '/sys/fs/cgroup/cpu',
    limit(group, quotaUs) {
      writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US))
      writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs))
    },
  },
  {
    root: '/sys/fs/cgroup',
    limit: (group, quotaUs) => writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${PERIOD_US}`),
  },
]

/** Why processes cannot be given a share of a core here, or undefined. */
export function quotaProblem(): string | undefined {
  return layout() === undefined ? 'no control group of CPU time is writable: run as root on Linux' : undefined
}

/**
 * Gives each process with all its threads a core of its own that is slower: `percent` of one of this machine's, by a control group. What it
 * returns lets them go again. Throws where quotaProblem says why.
 */
export function limitCpu(pids: readonly number[], percent: number): () => void {
  const found = layout()
  if (found === undefined) throw new Error(quotaProblem())
  const groups = pids.map((pid) => {
    const group = join(found.root, `zerog-load-${process.pid}-${pid}`)
    mkdirSync(group)
    found.limit(group, Math.round((PERIOD_US * percent) / 100))
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
    return group
  })
  return () => {
    for (const group of groups) {
      for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        writeFileSync(join(found.root, 'cgroup.procs'), pid)
      rmdirSync(group)
    }
  }
}

function layout(): Layout | undefined {
  return LAYOUTS.find(({ root }) => {
    const controllers = root.endsWith('/cpu') ? 'cpu' : readControllers(root)
    if (!controllers.split(/\s+/).includes('cpu')) return false
    try {
      accessSync(join(root, 'cgroup.procs'), constants.W_OK)
      return true
    } catch {
      return false
    }
  })
}

/** What the groups below may be given. */
function readControllers(root: string): string {
  try {
    return readFileSync(join(root, 'cgroup.subtree_control'), 'utf8')
  } catch {
    return ''
  }
}
