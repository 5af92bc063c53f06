/** Who reads bundles: the doors of the network, whoever keeps something in them, and people. */
export const READERS = ['gateway', 'da-disperser', 'developer', 'compute-broker', 'compute-auditor', 'storage-kv'] as const
