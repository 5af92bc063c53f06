export { storageGatewayModule } from './storage-gateway-module.ts'
export { storageNodeModule } from './storage-node-module.ts'
