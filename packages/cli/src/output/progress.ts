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

function lineProgress(output: Output): Progress {
  let phase = ''
  let lastMs = 0
  return {
    update: (progress) => {
      const nowMs = performance.now()
      if (progress.phase === phase && nowMs - lastMs < LINE_MS) return
      phase = progress.phase
      lastMs = nowMs
      const line = output.options.json
        ? toJson({ v: 1, progress })
        : `${progress.phase}: ${progress.done} of ${progress.total} ${progress.unit}`
      output.streams.err.write(`${line}\n`)
    },
    end: () => {},
  }
}
