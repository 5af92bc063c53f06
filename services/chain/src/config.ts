export const GAS_LIMIT_DEFAULT = 60_000_000n
/** 2025-01-01: the same on every machine, so the same genesis hash. */
export const GENESIS_TIMESTAMP_SECONDS = 1_735_689_600n
