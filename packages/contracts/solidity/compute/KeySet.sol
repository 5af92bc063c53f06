// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A list without repetitions whose order changes only by removal: the last key takes the place of the removed one.
struct KeySet {
    bytes32[] keys;
    /// Place in `keys` plus one; 0 = absent.
    mapping(bytes32 => uint256) places;
}

library KeySetLib {
    function add(KeySet storage set, bytes32 key) internal {
        if (set.places[key] != 0) return;
        set.keys.push(key);
        set.places[key] = set.keys.length;
    }

    function remove(KeySet storage set, bytes32 key) internal {
        uint256 place = set.places[key];
        if (place == 0) return;
        bytes32 last = set.keys[set.keys.length - 1];
        set.keys[place - 1] = last;
        set.places[last] = place;
        delete set.places[key];
        set.keys.pop();
    }

    /// At most `limit` keys from `offset` on. An offset behind the end gives none.
    function page(KeySet storage set, uint256 offset, uint256 limit) internal view returns (bytes32[] memory keys, uint256 total) {
        total = set.keys.length;
        if (offset > total) offset = total;
        uint256 count = total - offset < limit ? total - offset : limit;
        keys = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) keys[i] = set.keys[offset + i];
    }

    function all(KeySet storage set) internal view returns (bytes32[] memory) {
        return set.keys;
    }

    function fromAddress(address value) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(value)));
    }

    function toAddress(bytes32 key) internal pure returns (address) {
        return address(uint160(uint256(key)));
    }
}
