import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { alertsOf } from './monitoring/alerts.ts'
import { dashboards } from './monitoring/dashboards.ts'
import { LAYERS } from './monitoring/model.ts'
import { recordings } from './monitoring/slo.ts'
import { dashboardFile, rulesFile } from './monitoring/write.ts'

/**
 * `node tools/monitoring.ts [--check]`: writes alerts and dashboards of the charts (helm/<chart>/files). --check only compares and ends
 * with 1 where a file is not what this makes.
 */
const HELM = join(import.meta.dirname, '../helm')

const made = dashboards()
const files = new Map<string, string>([[join(HELM, 'zerog/files/dashboard.json'), dashboardFile(made.zerog)]])
for (const layer of LAYERS) {
  files.set(join(HELM, layer, 'files/rules.yaml'), rulesFile(layer, recordings(layer), alertsOf(layer)))
  files.set(join(HELM, layer, 'files/dashboard.json'), dashboardFile(made[layer]))
}

const isCheck = process.argv.includes('--check')
for (const [file, text] of files) {
  if (!isCheck) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`${file} is not what tools/monitoring.ts makes; run it\n`)
    process.exitCode = 1
  }
}
