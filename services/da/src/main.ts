import { runProcess } from '@zerog/runtime'
import { daModules } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({ modules: daModules, targets: [target ?? 'all'], shape: 'embedded' })
