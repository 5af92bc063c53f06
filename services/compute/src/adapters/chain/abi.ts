import { inferenceServingAbi } from '@zerog/contracts'
import { parseAbi } from 'viem'

export const receiptAnchorAbi = parseAbi([
  'struct Anchor { bytes32 dataRoot; uint128 sum; uint64 epoch; uint64 quorumId; }',
  'function anchor(bytes32 batchRoot, bytes32 dataRoot, uint64 epoch, uint64 quorumId, uint128 sum)',
  'function anchorOf(address provider, bytes32 batchRoot) view returns (Anchor)',
  'event ReceiptsAnchored(address indexed provider, bytes32 indexed batchRoot, bytes32 indexed dataRoot, uint64 epoch, uint64 quorumId, uint128 sum)',
])

/** 0G's functions, what was claimed and paid last, and a policy that acknowledges signers instead of the owner. */
export const servingAbi = [
  ...inferenceServingAbi,
  ...parseAbi([
    'struct Settlement { bytes32 requestsHash; uint256 nonce; uint128 claimed; uint128 paid; }',
    'function acknowledgeTEESignerByPolicy(address provider, bytes evidence)',
    'function settlementOf(address user, address provider) view returns (Settlement)',
  ]),
] as const
