// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The workload of bench/chain.ts: what a transfer and a swap cost on any EVM. Not for use with money.
contract BenchToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public totalSupply;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error InsufficientBalance();
    error InsufficientAllowance();

    /// The whole supply is dealt at once, so that no setup of many transactions stands before the measurement.
    constructor(address[] memory holders, uint256 each) {
        for (uint256 i = 0; i < holders.length; i++) {
            balanceOf[holders[i]] += each;
            emit Transfer(address(0), holders[i], each);
        }
        totalSupply = holders.length * each;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < value) revert InsufficientAllowance();
            unchecked {
                allowance[from][msg.sender] = allowed - value;
            }
        }
        move(from, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) private {
        uint256 balance = balanceOf[from];
        if (balance < value) revert InsufficientBalance();
        unchecked {
            balanceOf[from] = balance - value;
            balanceOf[to] += value;
        }
        emit Transfer(from, to, value);
    }
}

/// A constant-product pair with the storage traffic of Uniswap V2's: packed reserves, price accumulators, lock, fee of 0.3 %.
contract BenchPair {
    BenchToken public immutable token0;
    BenchToken public immutable token1;
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updatedAt;
    uint256 public price0Cumulative;
    uint256 public price1Cumulative;
    uint256 private unlocked = 1;

    event Swap(address indexed sender, uint256 in0, uint256 in1, uint256 out0, uint256 out1, address indexed to);
    event Sync(uint112 reserve0, uint112 reserve1);

    error Locked();
    error NoOutput();
    error NoLiquidity();
    error NoInput();
    error Product();

    constructor(BenchToken first, BenchToken second) {
        token0 = first;
        token1 = second;
    }

    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, updatedAt);
    }

    /// Takes what lies at this address for the reserves.
    function sync() external {
        update(token0.balanceOf(address(this)), token1.balanceOf(address(this)), reserve0, reserve1);
    }

    function swap(uint256 out0, uint256 out1, address to) external {
        if (unlocked != 1) revert Locked();
        unlocked = 0;
        if (out0 == 0 && out1 == 0) revert NoOutput();
        (uint112 before0, uint112 before1) = (reserve0, reserve1);
        if (out0 >= before0 || out1 >= before1) revert NoLiquidity();
        if (out0 > 0) token0.transfer(to, out0);
        if (out1 > 0) token1.transfer(to, out1);
        uint256 balance0 = token0.balanceOf(address(this));
        uint256 balance1 = token1.balanceOf(address(this));
        uint256 in0 = balance0 > before0 - out0 ? balance0 - (before0 - out0) : 0;
        uint256 in1 = balance1 > before1 - out1 ? balance1 - (before1 - out1) : 0;
        if (in0 == 0 && in1 == 0) revert NoInput();
        uint256 adjusted0 = balance0 * 1000 - in0 * 3;
        uint256 adjusted1 = balance1 * 1000 - in1 * 3;
        if (adjusted0 * adjusted1 < uint256(before0) * before1 * 1e6) revert Product();
        update(balance0, balance1, before0, before1);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
        unlocked = 1;
    }

    function update(uint256 balance0, uint256 balance1, uint112 before0, uint112 before1) private {
        uint32 now32 = uint32(block.timestamp);
        unchecked {
            uint32 elapsed = now32 - updatedAt;
            if (elapsed > 0 && before0 != 0 && before1 != 0) {
                price0Cumulative += ((uint256(before1) << 112) / before0) * elapsed;
                price1Cumulative += ((uint256(before0) << 112) / before1) * elapsed;
            }
        }
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        updatedAt = now32;
        emit Sync(uint112(balance0), uint112(balance1));
    }
}

contract BenchRouter {
    error TooLittle();

    /// Sells `amountIn` of one token of the pair for the other, as Uniswap's router does: transferFrom, quote, swap.
    function swapExact(BenchPair pair, bool firstToSecond, uint256 amountIn, uint256 outMin) external returns (uint256 out) {
        (uint112 reserve0, uint112 reserve1,) = pair.reserves();
        (uint256 reserveIn, uint256 reserveOut) = firstToSecond ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 withFee = amountIn * 997;
        out = (withFee * reserveOut) / (reserveIn * 1000 + withFee);
        if (out < outMin) revert TooLittle();
        BenchToken token = firstToSecond ? pair.token0() : pair.token1();
        token.transferFrom(msg.sender, address(pair), amountIn);
        pair.swap(firstToSecond ? 0 : out, firstToSecond ? out : 0, msg.sender);
    }
}
