import { type Hex, toHex } from '@zerog/primitives'
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
