import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs of the chart tests that are made with Go, at the versions that tools/helm.ts installs. */
export const CHART_TOOLS = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.19.2',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0',
} as const
export type ChartTool = keyof typeof CHART_TOOLS

/** Where tools/helm.ts puts them when they are not on the PATH. */
export const TOOLS_CACHE = join(import.meta.dirname, '../../.zerog/tools/helm')

/** The program, or undefined where neither the PATH nor the cache has it. */
export function findTool(tool: ChartTool): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), TOOLS_CACHE]
  return folders.map((folder) => join(folder, tool)).find(existsSync)
}
