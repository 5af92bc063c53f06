import { DEVELOPMENT_MNEMONIC } from '@zerog/contracts'
import { bytesToHex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

/** The first `count` accounts of the standard mnemonic with their public keys; checksum addresses, as wallets show them. */
export function fundedAccounts(count: number): { readonly address: string; readonly privateKey: string }[] {
  return Array.from({ length: count }, (_, addressIndex) => {
    const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex })
    const { privateKey } = account.getHdKey()
    if (privateKey === null) throw new Error('an account of a mnemonic has a private key')
    return { address: account.address, privateKey: bytesToHex(privateKey) }
  })
}
