import { runProcess } from '@zerog/runtime'
import { chainRpcModule, chainValidatorModule } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({ modules: [chainValidatorModule, chainRpcModule], targets: [target ?? 'all'], shape: 'embedded' })
