import { runProcess } from '@zerog/runtime'
import { computeBrokerModule, computeWorkerModule } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({ modules: [computeWorkerModule, computeBrokerModule], targets: [target ?? 'all'], shape: 'embedded' })
