import { runProcess } from '@zerog/runtime'
import { storageGatewayModule, storageNodeModule } from './module.ts'

const target = process.argv.find((argument) => argument.startsWith('--target='))?.slice('--target='.length)

await runProcess({ modules: [storageNodeModule, storageGatewayModule], targets: [target ?? 'all'], shape: 'embedded' })
