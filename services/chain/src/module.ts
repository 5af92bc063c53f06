import { developmentAccounts } from '@zerog/contracts'
import { createSenderRecovery, curveEngine, nextBaseFee } from '@zerog/evm'
import { fromHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition, JsonRpcServiceDefinition, ReplicationServiceDefinition } from '@zerog/proto/chain'
import { defineModule, type ModuleContext } from '@zerog/runtime'
import { nodeCrypto } from './adapters/crypto.ts'
import { developmentSecretKey } from './adapters/development-key.ts'
import { callEndpoint } from './adapters/grpc/call.ts'
import { connectEndpoint } from './adapters/grpc/connect.ts'
import { executeEndpoint } from './adapters/grpc/execute.ts'
import { executePendingEndpoint } from './adapters/grpc/execute-pending.ts'
import { getCertificateEndpoint } from './adapters/grpc/get-certificate.ts'
import { getHeadEndpoint } from './adapters/grpc/get-head.ts'
import { submitTransactionEndpoint } from './adapters/grpc/submit-transaction.ts'
import { watchBlocksEndpoint } from './adapters/grpc/watch-blocks.ts'
import { watchLogsEndpoint } from './adapters/grpc/watch-logs.ts'
import { createJsonRpc } from './adapters/json-rpc/json-rpc.ts'
import { createChainMetrics } from './adapters/metrics.ts'
import { validatorUpstream } from './adapters/validator-upstream.ts'
import type { ChainBackend } from './app/chain-backend.ts'
import type { Network } from './app/network.ts'
import { networkFromConfig } from './app/network-from-config.ts'
import { openReplica } from './app/replica.ts'
import { openValidator } from './app/validator.ts'
import type { OnVerified } from './app/verified-ledger.ts'
import { type NetworkConfig, type NodeConfig, rpcConfig, type ValidatorConfig, validatorConfig } from './config.ts'

export { rebuildChain, type StoredChain, verifyStoredChain } from './adapters/maintenance.ts'
export { newValidatorKey, validatorPublicKey } from './adapters/validator-key.ts'
export type { RebuildProgress } from './app/rebuild.ts'
export type { ChainProblem, ChainVerification } from './app/verify-chain.ts'

/** Makes the blocks and votes on them; one per network until validators talk to each other. */
export const chainValidatorModule = defineModule({
  target: 'chain-validator',
  dependsOn: [],
  config: validatorConfig,
  start: async (context) => {
    const { config, clock, logger, fatal } = context
    const metrics = createChainMetrics(context.meter)
    const network = describeNetwork(context)
    const recovery = createSenderRecovery()
    const validator = await openValidator(
      {
        network,
        secretKey: secretKeyOf(context, network),
        sealing: config.blockTimeMs === 0 ? { kind: 'demand' } : { kind: 'interval', blockTimeMs: config.blockTimeMs },
        tipMinWei: BigInt(config.minTipWei),
        history: config.history,
        poolLimits: {
          transactionsMax: config.poolTransactionsMax,
          bytesMax: config.poolBytesMax,
          senderTransactionsMax: config.poolSenderTransactionsMax,
        },
        accounts: context.network.development ? developmentAccounts() : [],
        dev: config.chainOnly,
      },
      {
        kv: await context.kv('chain'),
        crypto: nodeCrypto,
        clock,
        logger,
        fatal,
        recovery,
        onSealed: (_block, ms) => metrics.sealed(ms),
        ...verificationOf(config, metrics),
      },
    )
    const { backend, pool } = validator
    metrics.head(() => backend.head().header)
    metrics.historyFirst(validator.executor.historyFirst)
    metrics.certified(() => validator.ledger.head().payload)
    metrics.pool(pool.size, () => pool.executable(nextBaseFee(validator.ledger.head().header, network.baseFee)))
    backend.onBlock(metrics.shown)
    const faces = serve(context, backend)
    context.rpc.serve(ReplicationServiceDefinition, {
      watchBlocks: watchBlocksEndpoint({ backend }),
      executePending: executePendingEndpoint({ backend }),
    })
    announceStart(context, backend)
    return {
      health: () => ({ ready: true, checks: [headCheck(backend)] }),
      drain: validator.stop,
      stop: async () => {
        faces.close()
        await recovery.close()
      },
    }
  },
})

/** Follows the validator, executes every block again and answers reads. */
export const chainRpcModule = defineModule({
  target: 'chain-rpc',
  dependsOn: ['chain-validator'],
  config: rpcConfig,
  start: async (context) => {
    const { config, clock, logger, fatal, signal } = context
    const metrics = createChainMetrics(context.meter)
    const recovery = createSenderRecovery()
    const replica = await openReplica(
      {
        network: describeNetwork(context),
        tipMinWei: BigInt(config.minTipWei),
        history: config.history,
        delayMs: config.delayMs,
        accounts: context.network.development ? developmentAccounts() : [],
      },
      {
        kv: await context.kv('chain'),
        crypto: nodeCrypto,
        clock,
        logger,
        fatal,
        signal,
        upstream: validatorUpstream(context.rpc),
        recovery,
        ...verificationOf(config, metrics),
      },
    )
    const { backend } = replica
    const lag = (): number => Number(replica.tip().header.height - backend.head().header.height)
    metrics.head(() => backend.head().header)
    metrics.historyFirst(replica.historyFirst)
    metrics.certified(() => replica.ledger.head().payload)
    metrics.lag(lag)
    backend.onBlock(metrics.shown)
    const faces = serve(context, backend)
    announceStart(context, backend)
    return {
      health: () => ({
        ready: replica.caughtUp() && lag() <= config.lagBlocksMax,
        checks: [
          headCheck(backend),
          { name: 'lag', ok: lag() <= config.lagBlocksMax, detail: `${lag()} blocks received but not shown` },
          { name: 'validator', ok: replica.connected(), detail: replica.connected() ? 'following' : 'not reached' },
        ],
      }),
      stop: async () => {
        faces.close()
        await replica.done
        await recovery.close()
      },
    }
  },
})

type Context = Pick<ModuleContext<NetworkConfig>, 'config' | 'network' | 'rpc' | 'clock' | 'logger' | 'meter'>

function describeNetwork({ config, network }: Context): Network {
  return networkFromConfig(config, {
    chainId: BigInt(network.chainId),
    development: network.development,
    developmentPublicKey: () => nodeCrypto.bls.publicKey(developmentSecretKey()),
  })
}

/** `verifyWith`, as far as this kind of chain can be verified. */
function verificationOf(
  { verifyWith, chainOnly }: NodeConfig,
  metrics: ReturnType<typeof createChainMetrics>,
): { readonly onVerified?: OnVerified } {
  if (verifyWith === null) return {}
  if (!chainOnly) return { onVerified: metrics.verified }
  throw new ZerogError('CONFIG_INVALID', {
    message:
      'verifyWith cannot be used with chainOnly, whose development methods edit the state and send without keys: leave one of them out',
    metadata: { field: 'verifyWith' },
  })
}

/** What validator and replica serve alike. */
function serve({ config, rpc, clock, logger, meter }: Context, backend: ChainBackend): { readonly close: () => void } {
  const jsonRpc = createJsonRpc({ limits: { sendWaitMs: config.sendWaitMs } }, { backend, clock, logger, meter })
  rpc.serve(ChainServiceDefinition, {
    getHead: getHeadEndpoint({ backend }),
    getCertificate: getCertificateEndpoint({ backend }),
    watchLogs: watchLogsEndpoint({ backend }),
    call: callEndpoint({ backend }),
    submitTransaction: submitTransactionEndpoint({ backend }),
  })
  rpc.serve(JsonRpcServiceDefinition, {
    execute: executeEndpoint({ jsonRpc, backend }),
    connect: connectEndpoint({ jsonRpc, backend }),
  })
  return { close: () => jsonRpc.close() }
}

function announceStart({ logger }: Context, backend: ChainBackend): void {
  const { header, hash } = backend.head()
  logger.info('chain_opened', { height: header.height, hash, chainId: backend.chainId, curve: curveEngine })
  if (curveEngine !== 'secp256k1 (native)') {
    logger.warn('curve_not_native', { curve: curveEngine, effect: 'sender recovery is about 20 times slower' })
  }
}

function headCheck(backend: ChainBackend): { readonly name: string; readonly ok: boolean; readonly detail: string } {
  const { header, hash } = backend.head()
  return { name: 'head', ok: true, detail: `block ${header.height} ${hash}` }
}

function secretKeyOf({ config, network }: ModuleContext<ValidatorConfig>, described: Network): Uint8Array {
  if (config.validatorKey === null && !network.development) {
    throw new ZerogError('CONFIG_INVALID', {
      message:
        'validatorKey must be given on this network, because the development key is public; zerog chain validator-key makes one',
      metadata: { field: 'validatorKey' },
    })
  }
  const secretKey = config.validatorKey === null ? developmentSecretKey() : fromHex(config.validatorKey, 32)
  const [leader] = described.validators
  if (leader !== undefined && Buffer.compare(nodeCrypto.bls.publicKey(secretKey), leader.publicKey) === 0) return secretKey
  throw new ZerogError('CONFIG_INVALID', {
    message: 'validatorKey is not the secret of validatorPublicKeys: this node could not make blocks of this network',
    metadata: { field: 'validatorKey' },
  })
}
