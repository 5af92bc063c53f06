// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {KeySet, KeySetLib} from "./KeySet.sol";

/// As 0G's clients read it. `processed` is always false: a refund that is processed is gone.
struct Refund {
    uint256 index;
    uint256 amount;
    uint256 createdAt;
    bool processed;
}

struct PendingRefund {
    uint112 amount;
    uint64 createdAt;
}

/// A user's money at one provider. `balance` still counts what is asked back and not paid out yet.
struct SubAccount {
    uint112 balance;
    uint112 pendingRefund;
    uint8 refundCount;
    bool exists;
    bool acknowledged;
    address user;
    address provider;
    /// Survives deletion: what was revoked stays revoked.
    uint256 generation;
    uint256 revokedBitmap;
    /// The first `refundCount` are valid, oldest first.
    PendingRefund[5] refunds;
    string additionalInfo;
}

struct SubAccountMap {
    mapping(bytes32 key => SubAccount) accounts;
    KeySet all;
    mapping(address provider => KeySet) ofProvider;
    mapping(address user => KeySet) ofUser;
}

/// Rules of 0G's sub-accounts (0g-serving-contract, InferenceAccount.sol): refunds mature after a lock time, and are given up latest first.
library SubAccountLib {
    using KeySetLib for KeySet;

    uint256 internal constant MAX_REFUNDS = 5;

    error AccountNotExists(address user, address provider);
    error AccountExists(address user, address provider);
    error TooManyRefunds(address user, address provider);
    error CannotRevokeWithNonZeroBalance(address user, address provider, uint256 balance);
    /// More wei than 112 bits hold; no supply reaches it.
    error AmountTooLarge(uint256 amount);

    function keyOf(address user, address provider) internal pure returns (bytes32) {
        return keccak256(abi.encode(user, provider));
    }

    function get(SubAccountMap storage map, address user, address provider) internal view returns (SubAccount storage account) {
        account = map.accounts[keyOf(user, provider)];
        require(account.exists, AccountNotExists(user, provider));
    }

    function exists(SubAccountMap storage map, address user, address provider) internal view returns (bool) {
        return map.accounts[keyOf(user, provider)].exists;
    }

    /// Whoever sends money to a provider accepts its signer.
    function open(SubAccountMap storage map, address user, address provider, string memory additionalInfo)
        internal
        returns (SubAccount storage account)
    {
        bytes32 key = keyOf(user, provider);
        account = map.accounts[key];
        require(!account.exists, AccountExists(user, provider));
        account.exists = true;
        account.acknowledged = true;
        account.balance = narrow(msg.value);
        account.user = user;
        account.provider = provider;
        account.additionalInfo = additionalInfo;
        map.all.add(key);
        map.ofProvider[provider].add(key);
        map.ofUser[user].add(key);
    }

    /// Forgets everything but the generation of tokens. Gives the balance that was forgotten.
    function close(SubAccountMap storage map, address user, address provider) internal returns (uint256 balance) {
        bytes32 key = keyOf(user, provider);
        SubAccount storage account = map.accounts[key];
        if (!account.exists) return 0;
        balance = account.balance;
        uint256 generation = account.generation;
        delete map.accounts[key];
        account.generation = generation;
        map.all.remove(key);
        map.ofProvider[provider].remove(key);
        map.ofUser[user].remove(key);
    }

    function deposit(SubAccount storage account, uint256 cancelRetrievingAmount) internal {
        cancelRefunds(account, cancelRetrievingAmount);
        account.balance = narrow(account.balance + msg.value);
        account.acknowledged = true;
    }

    function acknowledge(SubAccount storage account, bool acknowledged) internal {
        require(
            acknowledged || !account.acknowledged || account.balance == 0,
            CannotRevokeWithNonZeroBalance(account.user, account.provider, account.balance)
        );
        account.acknowledged = acknowledged;
    }

    /// Asks back everything that is not asked back already.
    function requestRefundAll(SubAccount storage account) internal {
        uint112 amount = account.balance - account.pendingRefund;
        if (amount == 0) return;
        uint256 count = account.refundCount;
        require(count < MAX_REFUNDS, TooManyRefunds(account.user, account.provider));
        account.refunds[count] = PendingRefund(amount, uint64(block.timestamp));
        account.refundCount = uint8(count + 1);
        account.pendingRefund += amount;
    }

    /// Takes matured refunds out of the balance; the others move up.
    function takeMatured(SubAccount storage account, uint256 lockTime) internal returns (uint112 matured) {
        uint256 count = account.refundCount;
        uint256 kept = 0;
        for (uint256 i = 0; i < count; ++i) {
            PendingRefund memory refund = account.refunds[i];
            if (block.timestamp >= refund.createdAt + lockTime) matured += refund.amount;
            else {
                if (kept != i) account.refunds[kept] = refund;
                ++kept;
            }
        }
        account.refundCount = uint8(kept);
        account.balance -= matured;
        account.pendingRefund -= matured;
    }

    /// Gives up at most `amount` of the pending refunds, the latest first.
    function cancelRefunds(SubAccount storage account, uint256 amount) internal {
        uint256 count = account.refundCount;
        uint256 rest = amount;
        while (count > 0 && rest > 0) {
            PendingRefund storage refund = account.refunds[count - 1];
            if (refund.amount > rest) {
                refund.amount -= uint112(rest);
                rest = 0;
            } else {
                rest -= refund.amount;
                --count;
            }
        }
        account.refundCount = uint8(count);
        account.pendingRefund -= uint112(amount - rest);
    }

    /// Pays a fee out of the balance; what is free goes first, then pending refunds. `amount` is at most the balance.
    function pay(SubAccount storage account, uint256 amount) internal {
        uint256 free = account.balance - account.pendingRefund;
        if (amount > free) cancelRefunds(account, amount - free);
        account.balance -= uint112(amount);
    }

    function validRefunds(SubAccount storage account) internal view returns (Refund[] memory refunds) {
        refunds = new Refund[](account.refundCount);
        for (uint256 i = 0; i < refunds.length; ++i) {
            PendingRefund memory refund = account.refunds[i];
            refunds[i] = Refund(i, refund.amount, refund.createdAt, false);
        }
    }

    function narrow(uint256 amount) private pure returns (uint112) {
        require(amount <= type(uint112).max, AmountTooLarge(amount));
        return uint112(amount);
    }
}
