import { Presets, SingleBar } from 'cli-progress'
import type { Output } from './output.ts'
import { toJson } from './output.ts'

export type Progress = {
  /** `done` of `total` in units that `unit` names (bytes, segments, steps). */
  readonly update: (progress: {
    readonly phase: string
    readonly done: number
    readonly total: number
    readonly unit: string
  }) => void
  readonly end: () => void
}

const LINE_MS = 5_000

/** On stderr: a bar on a terminal, else one line per 5 s (JSON lines with --json); nothing with --quiet. */
export function createProgress(output: Output): Progress {
  if (output.options.quiet) return { update: () => {}, end: () => {} }
  if (output.streams.err.isTTY === true && !output.options.json) return barProgress(output)
  return lineProgress(output)
}

function barProgress(output: Output): Progress {
  const { dim } = output.colors
  const bar = new SingleBar(
    {
      format: `{phase} [{bar}] {percentage}% ${dim('|')} {value}/{total} {unit} ${dim('|')} ETA {eta_formatted}`,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      stream: process.stderr,
    },
    Presets.rect,
  )
  let phase = ''
  return {
    update: (progress) => {
      const payload = { phase: progress.phase.padEnd(8), unit: progress.unit }
      if (progress.phase !== phase) {
        if (phase !== '') bar.stop()
        phase = progress.phase
        bar.start(progress.total, progress.done, payload)
      } else {
        bar.update(progress.done, payload)
      }
    },
    end: () => bar.stop(),
  }
}

/** A line every 5 s of a phase and one with its last state: a log shows how far each phase came, not that it began. */
function lineProgress(output: Output): Progress {
  let last: Parameters<Progress['update']>[0] | undefined
  let shown = true
  let shownMs = 0
  const show = (): void => {
    if (shown || last === undefined) return
    shown = true
    shownMs = performance.now()
    const line = output.options.json
      ? toJson({ v: 1, progress: last })
      : `${last.phase}: ${last.done} of ${last.total} ${last.unit}`
    output.streams.err.write(`${line}\n`)
  }
  return {
    update: (progress) => {
      if (last !== undefined && progress.phase !== last.phase) show()
      if (progress.phase !== last?.phase) shownMs = performance.now()
      last = progress
      shown = false
      if (performance.now() - shownMs >= LINE_MS) show()
    },
    end: show,
  }
}
