import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { type DevnetEndpoints, readEndpoints, writeEndpoints } from './endpoints.ts'

test('endpoints that are written at once, as when several processes come back, are those of the last call, and none fails', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'zerog-endpoints-'))
  try {
    const endpoints = (chainId: number): DevnetEndpoints => ({
      v: 1,
      chainId,
      rpcUrl: 'http://127.0.0.1:1',
      gatewayUrl: 'http://127.0.0.1:1',
      wsUrl: 'ws://127.0.0.1:1',
      accounts: [],
      services: {},
    })
    await Promise.all(Array.from({ length: 20 }, (_, index) => writeEndpoints(dataDir, endpoints(index + 1))))
    expect(await readEndpoints(dataDir)).toEqual(endpoints(20))
    expect(await readdir(dataDir)).toEqual(['endpoints.json'])
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})
