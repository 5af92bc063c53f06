import type { ServiceModule } from '@zerog/runtime'

/** In the order in which they start. */
export const daModules: readonly ServiceModule[] = []
