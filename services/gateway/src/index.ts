export type { GatewayStatus, LayerStatus } from './app/status.ts'
export { type GatewayConfig, gatewayConfig } from './config.ts'
export { gatewayModule } from './module.ts'
