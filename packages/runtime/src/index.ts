export { defineModule, type HealthReport, type ModuleContext, type RunningModule, type ServiceModule } from './module.ts'
