import { type BlsOperation, chainBls, isBlsLoaded, loadBls } from '../../engine/bls.ts'
import type { Precompile } from './precompile.ts'

// EIP-2537: lengths and prices; the points are engine/bls.ts.

const G1_BYTES = 128
const G2_BYTES = 256
const SCALAR_BYTES = 32
const PAIR_BYTES = G1_BYTES + G2_BYTES

/** Thousandths of the full price per term, by the number of terms from 1 on; beyond the table its last entry. */
const G1_DISCOUNTS = [
  1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665, 661, 658, 654, 651, 648, 645,
  642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615, 613, 611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595,
  593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564,
  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545, 544, 543, 542, 541, 540,
  540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521,
  520, 520, 519,
]
const G2_DISCOUNTS = [
  1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699, 693, 688, 683, 679, 674, 670,
  666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629, 627, 624, 622, 620, 618, 615, 613, 611, 609, 607, 606, 604,
  602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568,
  567, 566, 565, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548, 547, 546, 545, 545, 544,
  543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533, 532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526,
  525, 524, 524,
]

const INVALID_LENGTH = 'invalid input length'

function precompile(operation: BlsOperation, isLength: (length: number) => boolean, gas: Precompile['gas']): Precompile {
  return {
    gas,
    run: (input) => {
      if (!isLength(input.length)) return INVALID_LENGTH
      try {
        return chainBls[operation](input)
      } catch {
        return 'invalid point'
      }
    },
    ready: () => (isBlsLoaded() ? undefined : loadBls()),
  }
}

const exactly = (length: number) => (found: number) => found === length
const multipleOf = (length: number) => (found: number) => found > 0 && found % length === 0

function productGas(termBytes: number, { each, discounts }: { readonly each: number; readonly discounts: readonly number[] }) {
  return ({ length }: Uint8Array): number => {
    const terms = Math.floor(length / termBytes)
    if (terms === 0) return 0
    const discount = discounts[Math.min(terms, discounts.length) - 1] as number
    return Math.floor((terms * each * discount) / 1_000)
  }
}

const G1_TERM_BYTES = G1_BYTES + SCALAR_BYTES
const G2_TERM_BYTES = G2_BYTES + SCALAR_BYTES

/** 0x0b to 0x11, in this order. */
export const BLS_PRECOMPILES: readonly Precompile[] = [
  precompile('addG1', exactly(2 * G1_BYTES), () => 375),
  precompile('msmG1', multipleOf(G1_TERM_BYTES), productGas(G1_TERM_BYTES, { each: 12_000, discounts: G1_DISCOUNTS })),
  precompile('addG2', exactly(2 * G2_BYTES), () => 600),
  precompile('msmG2', multipleOf(G2_TERM_BYTES), productGas(G2_TERM_BYTES, { each: 22_500, discounts: G2_DISCOUNTS })),
  precompile('pairingCheck', multipleOf(PAIR_BYTES), ({ length }) => 37_700 + 32_600 * Math.floor(length / PAIR_BYTES)),
  precompile('mapFPtoG1', exactly(64), () => 5_500),
  precompile('mapFP2toG2', exactly(128), () => 23_800),
]
