// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Forwards calls with value; refuses or takes ether as told, or calls back while it is paid.
contract Spender {
    bool public accepting;
    bool public burning;
    address public reenterTarget;
    bytes public reenterData;
    bool public reenterSucceeded;

    function accept(bool accepting_) external {
        accepting = accepting_;
    }

    function burn(bool burning_) external {
        burning = burning_;
    }

    function reenter(address target, bytes calldata data) external {
        reenterTarget = target;
        reenterData = data;
    }

    function forward(address target, bytes calldata data) external payable {
        (bool success, bytes memory result) = target.call{value: msg.value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {
        require(accepting);
        while (burning) {}
        if (reenterTarget != address(0)) (reenterSucceeded,) = reenterTarget.call(reenterData);
    }
}
