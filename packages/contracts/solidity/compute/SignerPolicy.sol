// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ComputeOwned} from "./ComputeOwned.sol";
import {ISignerPolicy} from "./IServing.sol";
import {Signatures} from "./Signatures.sol";

/// Acknowledges a provider's signer when the signer itself says that it serves this provider, and when enough attesters
/// vouch for it. With no attester required it proves possession of the key and nothing about the machine that holds it.
contract SignerPolicy is ComputeOwned, ISignerPolicy {
    bytes32 private constant STATEMENT_TYPE_HASH =
        keccak256("SignerStatement(address serving,address provider,address signer)");
    uint256 private constant SIGNATURE_BYTES = 65;
    uint256 private constant MAX_ATTESTERS = 32;

    uint256 public requiredAttestations;
    mapping(address => bool) public attesters;

    event AttesterSet(address indexed attester, bool trusted);
    event RequiredAttestationsSet(uint256 count);

    error TooManyAttestations(uint256 count, uint256 max);

    function initialize(address owner_) external {
        _initializeOwned(owner_);
    }

    function setAttester(address attester, bool trusted) external onlyOwner {
        attesters[attester] = trusted;
        emit AttesterSet(attester, trusted);
    }

    function setRequiredAttestations(uint256 count) external onlyOwner {
        require(count <= MAX_ATTESTERS, TooManyAttestations(count, MAX_ATTESTERS));
        requiredAttestations = count;
        emit RequiredAttestationsSet(count);
    }

    /// What signer and attesters sign: EIP-712, domain "0G Signer Policy" version "1" of this contract.
    function statementDigest(address serving, address provider, address signer) public view returns (bytes32) {
        bytes32 structHash = keccak256(abi.encode(STATEMENT_TYPE_HASH, serving, provider, signer));
        return Signatures.typedDigest(Signatures.domainSeparator(keccak256("0G Signer Policy")), structHash);
    }

    /// `evidence` is the signer's signature of the statement, then those of attesters by rising address, 65 bytes each.
    function accepts(address serving, address provider, address signer, bytes calldata evidence)
        external
        view
        returns (bool)
    {
        uint256 required = requiredAttestations;
        if (evidence.length != SIGNATURE_BYTES * (1 + required)) return false;
        bytes32 digest = statementDigest(serving, provider, signer);
        if (signer == address(0) || Signatures.recover(digest, evidence[:SIGNATURE_BYTES]) != signer) return false;
        address previous = address(0);
        for (uint256 i = 1; i <= required; ++i) {
            address attester = Signatures.recover(digest, evidence[i * SIGNATURE_BYTES:(i + 1) * SIGNATURE_BYTES]);
            if (attester <= previous || !attesters[attester]) return false;
            previous = attester;
        }
        return true;
    }
}
