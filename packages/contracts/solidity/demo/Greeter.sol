// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The smallest contract that shows a deployment, a call, an event and a revert with a reason.
contract Greeter {
    string public greeting;

    event GreetingChanged(address indexed by, string greeting);

    error EmptyGreeting();

    constructor(string memory greeting_) {
        _set(greeting_);
    }

    function greet(string calldata name) external view returns (string memory) {
        return string.concat(greeting, ", ", name, "!");
    }

    function setGreeting(string calldata greeting_) external {
        _set(greeting_);
    }

    function _set(string memory greeting_) private {
        require(bytes(greeting_).length != 0, EmptyGreeting());
        greeting = greeting_;
        emit GreetingChanged(msg.sender, greeting_);
    }
}
