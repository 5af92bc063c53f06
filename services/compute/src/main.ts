import { runProcess } from '@zerog/runtime'
import { computeBrokerModule } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({ modules: [computeBrokerModule], targets: [target ?? 'all'], shape: 'embedded' })
