import { type Hex, keccak256, toHex } from '@zerog/primitives'
import { mnemonicToAccount } from 'viem/accounts'

/** The mnemonic of every Ethereum development chain. Its keys are public: worth nothing outside one machine. */
export const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk'
export const DEVELOPMENT_ACCOUNT_COUNT = 10

export type DevelopmentAccount = { readonly address: Hex; readonly privateKey: Hex }

let known: readonly DevelopmentAccount[] | undefined

/** The ten accounts m/44'/60'/0'/0/0 to 9, addresses in lower case. Derived on first use (about 50 ms). */
export function developmentAccounts(): readonly DevelopmentAccount[] {
  known ??= Array.from({ length: DEVELOPMENT_ACCOUNT_COUNT }, (_, addressIndex) => {
    const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex })
    const { privateKey } = account.getHdKey()
    if (privateKey == null) throw new Error('an HD key of a mnemonic has a private key')
    return { address: account.address.toLowerCase() as Hex, privateKey: toHex(privateKey) }
  })
  return known
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
  const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { accountIndex: 1, addressIndex: instance })
  const { privateKey } = account.getHdKey()
  if (privateKey == null) throw new Error('an HD key of a mnemonic has a private key')
  const blsSecretKey = keccak256(new Uint8Array([...new TextEncoder().encode('zerog/da/development-key/v1'), ...privateKey]))
  blsSecretKey[0] = (blsSecretKey[0] as number) & 0x3f
  return {
    address: account.address.toLowerCase() as Hex,
    privateKey: toHex(privateKey),
    blsSecretKey,
    socket: String(instance),
  }
}

/** The account of the development network's da-disperser, m/44'/60'/2'/0/0: it pays for certificates, and users' nonces stay theirs. */
export function developmentDisperser(): DevelopmentAccount {
  const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { accountIndex: 2 })
  const { privateKey } = account.getHdKey()
  if (privateKey == null) throw new Error('an HD key of a mnemonic has a private key')
  return { address: account.address.toLowerCase() as Hex, privateKey: toHex(privateKey) }
}
