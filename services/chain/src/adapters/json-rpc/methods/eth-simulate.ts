import { blockNumberOrHash, LATEST } from '../codecs/block.ts'
import { type Method, method, optional, required } from '../method.ts'
import { simulateRequest } from '../simulate/request.ts'
import { simulate } from '../simulate/simulate.ts'
import { requireBlock } from '../state-at.ts'

export const ethSimulateMethods: Readonly<Record<string, Method>> = {
  eth_simulateV1: method([required(simulateRequest), optional(blockNumberOrHash, LATEST)], (context, request, ref) =>
    simulate(context, requireBlock(context.backend, ref), request),
  ),
}
