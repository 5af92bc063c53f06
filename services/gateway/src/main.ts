import { runProcess } from '@zerog/runtime'
import { gatewayModule } from './module.ts'

// Many gateways share what they have shown to clients, so this process demands a shared cache (shape cluster).
await runProcess({ modules: [gatewayModule], targets: ['gateway'], shape: 'cluster' })
