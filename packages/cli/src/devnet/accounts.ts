import { DEVELOPMENT_ACCOUNT_COUNT, DEVELOPMENT_MNEMONIC, developmentDisperser } from '@zerog/contracts'
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

/** Addresses beyond those that every development genesis funds already: users' and the one that pays for DA certificates. */
export function furtherAccounts(count: number): readonly Hex[] {
  const users = fundedAccounts(count).slice(DEVELOPMENT_ACCOUNT_COUNT)
  return [...users, developmentDisperser()].map(({ address }) => address)
}
