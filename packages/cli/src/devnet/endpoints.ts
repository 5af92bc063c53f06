import { chmod, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const serviceSchema = z.object({ grpc: z.string().optional(), admin: z.string().optional(), pid: z.number() })

/** endpoints.json, the form that ARCHITECTURE section 5 fixes. Keys appear as their faces appear; readers ignore unknown ones. */
export const endpointsSchema = z.object({
  v: z.literal(1),
  chainId: z.number(),
  rpcUrl: z.string(),
  wsUrl: z.string(),
  gatewayUrl: z.string(),
  explorerUrl: z.string().optional(),
  storage: z.object({ indexerUrl: z.string(), nodeUrl: z.string(), flow: z.string(), market: z.string() }).optional(),
  da: z.object({ disperser: z.string(), entrance: z.string() }).optional(),
  compute: z
    .object({
      openaiUrl: z.string().optional(),
      openaiKey: z.string().optional(),
      brokerUrl: z.string(),
      provider: z.string(),
      ledger: z.string(),
      inference: z.string(),
      fineTuning: z.string(),
    })
    .optional(),
  accounts: z.array(z.object({ address: z.string(), privateKey: z.string() })),
  services: z.record(z.string(), serviceSchema),
  tls: z.object({ ca: z.string(), cert: z.string(), key: z.string() }).optional(),
})

export type DevnetEndpoints = z.output<typeof endpointsSchema>

export function endpointsPath(dataDir: string): string {
  return join(dataDir, 'endpoints.json')
}

/** undefined when no devnet is ready in that folder. */
export async function readEndpoints(dataDir: string): Promise<DevnetEndpoints | undefined> {
  const text = await readFile(endpointsPath(dataDir), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return endpointsSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

let lastWrite: Promise<void> = Promise.resolve()

/**
 * Appears whole or not at all, readable by its owner only (it holds development keys). One after the other: several processes of a devnet may
 * come back at once, and the last call's endpoints are the ones that stay.
 */
export function writeEndpoints(dataDir: string, endpoints: DevnetEndpoints): Promise<void> {
  const written = lastWrite.then(() => write(dataDir, endpoints))
  lastWrite = written.catch(() => {})
  return written
}

async function write(dataDir: string, endpoints: DevnetEndpoints): Promise<void> {
  const path = endpointsPath(dataDir)
  const temporary = `${path}.${process.pid}`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(endpoints, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(temporary, 0o600)
  await rename(temporary, path)
}

export async function removeEndpoints(dataDir: string): Promise<void> {
  await rm(endpointsPath(dataDir), { force: true })
}
