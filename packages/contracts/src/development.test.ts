import { expect, test } from '@jest/globals'
import { mnemonicToAccount } from 'viem/accounts'
import { DEVELOPMENT_MNEMONIC, developmentAccounts, developmentDaNode, developmentDisperser } from './development.ts'

test('the accounts are those that every wallet derives from the mnemonic', () => {
  const of = (accountIndex: number, addressIndex: number) => {
    const account = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { accountIndex, addressIndex })
    const privateKey = `0x${Buffer.from(account.getHdKey().privateKey ?? []).toString('hex')}`
    return { address: account.address.toLowerCase(), privateKey }
  }
  expect(developmentAccounts()).toEqual(Array.from({ length: 10 }, (_, index) => of(0, index)))
  expect(developmentDaNode(3)).toMatchObject(of(1, 3))
  expect(developmentDisperser()).toEqual(of(2, 0))
})
