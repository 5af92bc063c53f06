import { type Hex, keccak256, type PrivateKeyAccount, toHex } from 'viem'

/** What 0G's SDK sends as `Authorization: Bearer` of an hour's session with a provider. */
export async function sessionToken(account: PrivateKeyAccount, provider: Hex): Promise<string> {
  const message = JSON.stringify({
    address: account.address,
    provider,
    timestamp: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    nonce: '1',
    generation: 0,
    tokenId: 255,
  })
  const signature = await account.signMessage({ message: { raw: keccak256(toHex(message)) } })
  return `app-sk-${Buffer.from(`${message}|${signature}`).toString('base64')}`
}
