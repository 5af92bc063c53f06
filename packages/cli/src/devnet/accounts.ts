import { DEVELOPMENT_ACCOUNT_COUNT, DEVELOPMENT_MNEMONIC } from '@zerog/contracts'
import { bytesToHex, type Hex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

/** The first `count` accounts of the standard mnemonic with their public keys; checksum addresses, as wallets show them. */
export function fundedAccounts(count: number): { readonly address: Hex; readonly privateKey: Hex }[] {
  return Array.from({ length: count }, (_, addressIndex) => {
    const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex })
    const { privateKey } = account.getHdKey()
    if (privateKey === null) throw new Error('an account of a mnemonic has a private key')
    return { address: account.address, privateKey: bytesToHex(privateKey) }
  })
}

/** Addresses beyond those that every development genesis funds already. */
export function furtherAccounts(count: number): readonly Hex[] {
  return fundedAccounts(count)
    .slice(DEVELOPMENT_ACCOUNT_COUNT)
    .map(({ address }) => address)
}
