import { openSync, renameSync, writeSync } from 'node:fs'
import { createLogging, type Logging } from '@zerog/runtime'

/** Lines of the launcher's process, JSON each; the file of the run before is kept as `.1`. */
export function logToFile(path: string): Logging {
  try {
    renameSync(path, `${path}.1`)
  } catch {
    // the first run
  }
  const fd = openSync(path, 'a', 0o600)
  const write = (line: string): void => {
    try {
      writeSync(fd, line)
    } catch {
      // A full disk must not take down what still works; the stores say it themselves.
    }
  }
  return createLogging({ sink: { write }, pretty: false })
}
