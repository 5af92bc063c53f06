// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A user or provider that is a contract: it forwards calls, and what it does when money arrives is up to the test.
contract Actor {
    bool private rejects;
    address private target;
    bytes private payload;
    /// What the call made on arrival gave back.
    bytes public answer;

    function act(address to, bytes calldata data) external payable returns (bytes memory) {
        (bool done, bytes memory result) = to.call{value: msg.value}(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
        return result;
    }

    function reject(bool rejects_) external {
        rejects = rejects_;
    }

    /// On arrival of money it makes this call once, and goes on whatever comes of it.
    function arm(address target_, bytes calldata payload_) external {
        (target, payload) = (target_, payload_);
    }

    receive() external payable {
        require(!rejects, "no, thank you");
        if (target == address(0)) return;
        address to = target;
        target = address(0);
        (, answer) = to.call(payload);
    }
}
