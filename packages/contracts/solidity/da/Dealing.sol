// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// How many rows each member gets: floor of its share of the stake, the rest by largest remainder, ties to the lower index
/// (docs/spec/data-availability.md, Assignment). For views: it costs some 100 passes over the members.
library Dealing {
    uint256 private constant ROWS_CHECKED = 148;

    /// Original rows of the code of a committee.
    function committeeRows(uint256 members) internal pure returns (uint256 rows) {
        rows = 256;
        while (rows < 4_096 && 3 * rows < ROWS_CHECKED * members) rows *= 2;
    }

    function deal(uint64[] memory stakes, uint256 rows) internal pure returns (uint256[] memory counts) {
        counts = new uint256[](stakes.length);
        uint256 total;
        for (uint256 index = 0; index < stakes.length; index++) total += stakes[index];
        uint256 left = rows;
        for (uint256 index = 0; index < stakes.length; index++) {
            counts[index] = rows * stakes[index] / total;
            left -= counts[index];
        }
        // The smallest remainder that still gets a row: the greatest t with at least `left` remainders of t or more.
        (uint256 low, uint256 high) = (0, total);
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (_countFrom(stakes, rows, total, middle) >= left) low = middle;
            else high = middle;
        }
        // All above it get one, then as many of those at it as are left, in order.
        uint256 atLimit = left - _countFrom(stakes, rows, total, low + 1);
        for (uint256 index = 0; index < stakes.length; index++) {
            uint256 remainder = mulmod(rows, stakes[index], total);
            if (remainder > low) {
                counts[index]++;
            } else if (remainder == low && atLimit > 0) {
                counts[index]++;
                atLimit--;
            }
        }
    }

    function _countFrom(uint64[] memory stakes, uint256 rows, uint256 total, uint256 least) private pure returns (uint256 count) {
        for (uint256 index = 0; index < stakes.length; index++) {
            if (mulmod(rows, stakes[index], total) >= least) count++;
        }
    }
}
