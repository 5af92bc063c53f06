import { fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import { HDKey, hdKeyToAccount } from 'viem/accounts'

/** The mnemonic of every Ethereum development chain. Its keys are public: worth nothing outside one machine. */
export const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk'
export const DEVELOPMENT_ACCOUNT_COUNT = 10
/** BIP-39 of it without a password: 2,048 rounds of HMAC-SHA512 for each account are a tenth of a target's start. */
const DEVELOPMENT_SEED =
  '0x9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0'

export type DevelopmentAccount = { readonly address: Hex; readonly privateKey: Hex }

let known: readonly DevelopmentAccount[] | undefined

/** The ten accounts m/44'/60'/0'/0/0 to 9, addresses in lower case. Derived on first use. */
export function developmentAccounts(): readonly DevelopmentAccount[] {
  known ??= Array.from({ length: DEVELOPMENT_ACCOUNT_COUNT }, (_, addressIndex) => derive({ accountIndex: 0, addressIndex }))
  return known
}

let master: HDKey | undefined

/** m/44'/60'/<accountIndex>'/0/<addressIndex> */
function derive(of: { readonly accountIndex: number; readonly addressIndex: number }): DevelopmentAccount {
  master ??= HDKey.fromMasterSeed(fromHex(DEVELOPMENT_SEED))
  const account = hdKeyToAccount(master, of)
  const { privateKey } = account.getHdKey()
  if (privateKey == null) throw new Error('an HD key of a seed has a private key')
  return { address: account.address.toLowerCase() as Hex, privateKey: toHex(privateKey) }
}

export type DevelopmentDaNode = DevelopmentAccount & {
  /** BLS12-381 secret key, 32 bytes big-endian. */
  readonly blsSecretKey: Uint8Array
  /** The ordinal of the instance: members of one installation are found by it. */
  readonly socket: string
}

/**
 * Member `instance` of the development network's DA committee: account m/44'/60'/1'/0/<instance>, beside the ten that users see, and a
 * BLS key out of it. 254 bits are below the order of the group, so no reduction is needed.
 */
export function developmentDaNode(instance: number): DevelopmentDaNode {
  const account = derive({ accountIndex: 1, addressIndex: instance })
  const domain = new TextEncoder().encode('zerog/da/development-key/v1')
  const blsSecretKey = keccak256(new Uint8Array([...domain, ...fromHex(account.privateKey)]))
  blsSecretKey[0] = (blsSecretKey[0] as number) & 0x3f
  return { ...account, blsSecretKey, socket: String(instance) }
}

/** The account of the development network's da-disperser, m/44'/60'/2'/0/0: it pays for certificates, and users' nonces stay theirs. */
export function developmentDisperser(): DevelopmentAccount {
  return derive({ accountIndex: 2, addressIndex: 0 })
}
