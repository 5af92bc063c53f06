import { runProcess } from '@zerog/runtime'
import { computeBrokerModule, computeRouterModule, computeWorkerModule } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({
  modules: [computeWorkerModule, computeBrokerModule, computeRouterModule],
  targets: [target ?? 'all'],
  shape: 'embedded',
})
