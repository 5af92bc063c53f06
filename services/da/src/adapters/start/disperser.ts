import { readFile } from 'node:fs/promises'
import { blstMultisignature } from '@zerog/consensus/blst'
import { developmentDisperser } from '@zerog/contracts'
import { sha256 } from '@zerog/kernels'
import { type Hex, isHex, ZerogError } from '@zerog/primitives'
import type { ModuleContext, RunningModule } from '@zerog/runtime'
import type { Committees } from '../../app/committees.ts'
import { bundleChanges } from '../../app/disperser/changes.ts'
import { createDisperser, type Disperser } from '../../app/disperser/disperser.ts'
import type { Account, Entrance } from '../../app/disperser/entrance.ts'
import type { EpochRegistry } from '../../app/disperser/epoch-keeper.ts'
import type { DisperserRepository } from '../../app/disperser/repository.ts'
import type { DaDisperserConfig } from '../../config.ts'
import { SQL_BATCH_MAX, ZEROG_BLOB_BYTES_MAX } from '../../core/disperser/limits.ts'
import { partBytesMax } from '../../core/disperser/packer.ts'
import { keyAccount } from '../chain/account.ts'
import { daEntrance } from '../chain/entrance.ts'
import { epochRegistry } from '../chain/epoch-registry.ts'
import { chainJsonRpc } from '../chain/json-rpc.ts'
import { dialerOf } from '../foreign/dialer.ts'
import { serveDisperser } from '../grpc/disperser/serve.ts'
import { rpcEncoderClient } from '../grpc/encoder-client.ts'
import { rpcMemberConnector } from '../grpc/member-connector.ts'
import { disperseBlob } from '../grpc/zerog-disperser/disperse-blob.ts'
import { getBlobStatus } from '../grpc/zerog-disperser/get-blob-status.ts'
import { addressLimiter } from '../grpc/zerog-disperser/limiter.ts'
import { retrieveBlob } from '../grpc/zerog-disperser/retrieve-blob.ts'
import { startDisperserServer } from '../grpc/zerog-disperser/server.ts'
import { incrementalSha256 } from '../sha256.ts'

type Context = ModuleContext<DaDisperserConfig>

/** What tests and the simulator replace. */
export type DisperserParts = {
  readonly repository: DisperserRepository
  readonly committees: Committees
  readonly account?: Account
  readonly entrance?: Entrance
  readonly registry?: EpochRegistry
}

const WINDOW_BUNDLES_MAX = 64
const CLOSE_TIMEOUT_MS = 5_000

export async function startDisperser(context: Context, parts: DisperserParts): Promise<RunningModule> {
  const { config, clock, random, logger, meter, rpc, instance } = context
  const { committees, repository } = parts
  const chain = await context.chain()
  const chainId = BigInt(context.network.chainId)
  const account =
    parts.account ?? keyAccount({ privateKey: await privateKey(context), chainId: context.network.chainId }, chainJsonRpc(rpc))
  const changes = bundleChanges(
    { instance, shared: () => rpc.instances(context.target) > 1 },
    { bus: await context.bus(), clock, random, logger },
  )
  const options = {
    ...config,
    instance,
    chainId,
    holder: `${context.target}-${instance}-${random.uuid()}`,
    partsMax: SQL_BATCH_MAX * 10,
    windowBundlesMax: WINDOW_BUNDLES_MAX,
    tipPerGas: BigInt(config.tipWei),
    heightFirst: BigInt(config.heightFirst),
  }
  const disperser = createDisperser(options, {
    repository,
    committees,
    encoder: rpcEncoderClient(rpc),
    connect: rpcMemberConnector(dialerOf(context)),
    multisignature: blstMultisignature,
    changes,
    chain,
    entrance: parts.entrance ?? daEntrance(chain, { chainId }),
    registry: parts.registry ?? epochRegistry(chain),
    account,
    store: await context.blobs('blobs'),
    leases: await context.leases(),
    clock,
    random,
    logger,
    meter,
    traces: context.traces,
    hasher: incrementalSha256,
  })
  await disperser.prepare()
  serveDisperser(rpc, disperser, { rules: options, committees, random })
  const stopping = new AbortController()
  const running = disperser.run(stopping.signal).catch((error) => {
    if (!stopping.signal.aborted) context.fatal(error)
  })
  const face = config.publicPort === null ? undefined : await openFace(context, disperser, config.publicPort)
  return {
    health: () => health(disperser, committees),
    async drain() {
      await face?.close(CLOSE_TIMEOUT_MS)
      await disperser.drain()
    },
    async stop() {
      stopping.abort()
      await running
      await face?.close(0)
    },
    ...(face !== undefined && { faces: { daDisperser: `${config.publicAddress}:${face.port}` } }),
  }
}

/** The plaintext server of 0G's clients. */
async function openFace(context: Context, disperser: Disperser, port: number) {
  const { config, clock, random, logger, rpc } = context
  const cache = await context.cache()
  const unlimited = config.publicUnlimited
  const write = addressLimiter(
    { name: 'write', perMinute: config.publicWritesPerMinute, unlimited, sentence: 'request ratelimited' },
    cache,
  )
  const read = addressLimiter(
    { name: 'read', perMinute: config.publicReadsPerMinute, unlimited, sentence: 'request rate limited' },
    cache,
  )
  const limited =
    <Request>(limit: (address: string) => Promise<void>, handle: (request: Request, signal: AbortSignal) => Promise<unknown>) =>
    async (request: Request, signal: AbortSignal, address: string) => {
      await limit(address)
      return handle(request, signal)
    }
  // A blob of theirs has one header, so it must fit into one bundle.
  const blobBytesMax = Math.min(ZEROG_BLOB_BYTES_MAX, config.blobBytesMax, partBytesMax(config.bundleBytesMax))
  let last = 0n
  const nanoseconds = () => {
    const now = BigInt(clock.nowMs()) * 1_000_000n
    last = now > last ? now : last + 1n
    return last
  }
  return startDisperserServer({
    address: config.publicAddress,
    port,
    requestBytesMax: config.publicRequestBytesMax,
    methods: {
      disperseBlob: limited(write, disperseBlob(disperser, { blobBytesMax, sha256, nanoseconds })),
      getBlobStatus: limited(read, getBlobStatus(disperser.views)),
      retrieveBlob: limited(read, retrieveBlob(rpc)),
    },
    isServing: () => true,
    random,
    logger,
  })
}

async function health(disperser: Disperser, committees: Committees) {
  const committee = await committees.current().then(
    ({ epoch, members }) => `epoch ${epoch}, ${members.length} members`,
    (error) => String(error),
  )
  const hasCommittee = committee.startsWith('epoch')
  return {
    // Blobs are accepted without a committee too: they wait.
    ready: true,
    checks: [
      { name: 'committee', ok: hasCommittee, detail: committee },
      { name: 'driving', ok: disperser.isDriving(), detail: disperser.isDriving() ? 'yes' : 'another process holds the lease' },
      { name: 'chain', ok: disperser.followedHeight() >= 0n, detail: `followed to block ${disperser.followedHeight()}` },
    ],
  }
}

async function privateKey({ config, network }: Context): Promise<Hex> {
  if (config.accountKeyFile === null) {
    if (network.development) return developmentDisperser().privateKey
    throw new ZerogError('CONFIG_INVALID', {
      message: 'accountKeyFile names no file; outside of the development network certificates need an account that pays',
      metadata: { field: 'accountKeyFile' },
    })
  }
  const text = (await readFile(config.accountKeyFile, 'utf8')).trim()
  const key = text.startsWith('0x') ? text : `0x${text}`
  if (isHex(key, 32)) return key
  throw new ZerogError('CONFIG_INVALID', {
    message: `${config.accountKeyFile} should hold 64 hexadecimal digits`,
    metadata: { field: 'accountKeyFile' },
  })
}
