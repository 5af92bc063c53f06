import { developmentAccounts } from '@zerog/contracts'
import { fromHex, type Hex } from '@zerog/primitives'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { ChainBackend, StoredBlock } from '../src/app/chain-backend.ts'

/** The ten public accounts as viem signs with them. */
export const accounts: readonly PrivateKeyAccount[] = developmentAccounts().map(({ privateKey }) =>
  privateKeyToAccount(privateKey),
)

export function account(index: number): PrivateKeyAccount {
  const found = accounts[index]
  if (found === undefined) throw new RangeError(`there is no account ${index}`)
  return found
}

export const GWEI = 10n ** 9n

/** A signed transfer of 1 wei from one public account to another. */
export async function transfer(
  from: number,
  nonce: number,
  fields: Partial<{ to: Hex; value: bigint; maxFeePerGas: bigint; tip: bigint; gas: bigint }> = {},
): Promise<Uint8Array> {
  const raw = await account(from).signTransaction({
    type: 'eip1559',
    chainId: 31337,
    nonce,
    gas: fields.gas ?? 21_000n,
    to: fields.to ?? account((from + 1) % accounts.length).address,
    value: fields.value ?? 1n,
    maxFeePerGas: fields.maxFeePerGas ?? 3n * GWEI,
    maxPriorityFeePerGas: fields.tip ?? GWEI,
  })
  return fromHex(raw)
}

/** The block that holds a transaction, as soon as it is shown. */
export async function included(backend: ChainBackend, hash: Hex): Promise<StoredBlock> {
  const found = (): StoredBlock | undefined => backend.transaction(hash)?.block
  return (
    found() ??
    new Promise((resolve) => {
      const stop = backend.onBlock(() => {
        const block = found()
        if (block === undefined) return
        stop()
        resolve(block)
      })
    })
  )
}

export function lower(address: string): Hex {
  return address.toLowerCase() as Hex
}
