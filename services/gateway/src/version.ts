import manifest from '../package.json' with { type: 'json' }

export const ZEROG_VERSION: string = manifest.version
