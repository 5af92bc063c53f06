export { storageGatewayModule, storageNodeModule } from './module.ts'
