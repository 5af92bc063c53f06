// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// How long a provider's stake stays behind, and how much may be settled against it.
struct StakeRules {
    /// Seconds from the removal of a service until its stake can be taken.
    uint32 unbondingSeconds;
    /// A settlement is open until the end of the window after its own: between one and two windows.
    uint32 windowSeconds;
    /// Open fees of a provider are at most this share of its stake, in 1/10,000.
    uint32 exposureCapBps;
}

/// A provider's stake. `bonded` stands behind a service, `unbonding` behind one that was removed.
struct Stake {
    uint112 bonded;
    uint112 unbonding;
    /// Seconds since 1970.
    uint32 releaseAt;
    /// Fees settled in the window that ends at `windowEndsAt`, and in the one before it.
    uint112 settled;
    uint112 settledBefore;
    uint32 windowEndsAt;
}

library StakeLib {
    /// Fees that were settled lately enough to be disputed.
    function openFees(Stake storage stake, StakeRules storage rules) internal view returns (uint256) {
        uint256 end = stake.windowEndsAt;
        if (block.timestamp < end) return uint256(stake.settled) + stake.settledBefore;
        return block.timestamp < end + rules.windowSeconds ? stake.settled : 0;
    }

    /// What may still be settled before the cap is reached.
    function headroom(Stake storage stake, StakeRules storage rules) internal view returns (uint256) {
        uint256 cap = uint256(stake.bonded) * rules.exposureCapBps / 10_000;
        uint256 open = openFees(stake, rules);
        return open < cap ? cap - open : 0;
    }

    function countSettled(Stake storage stake, StakeRules storage rules, uint256 amount) internal {
        uint256 end = stake.windowEndsAt;
        if (block.timestamp < end) {
            stake.settled += uint112(amount);
            return;
        }
        bool adjacent = block.timestamp < end + rules.windowSeconds;
        stake.settledBefore = adjacent ? stake.settled : 0;
        stake.settled = uint112(amount);
        stake.windowEndsAt = uint32((adjacent ? end : block.timestamp) + rules.windowSeconds);
    }
}
