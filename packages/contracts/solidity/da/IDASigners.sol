// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// 0G's interface of its precompile at 0x...1000 (0g-da-contract, contracts/interface/IDASigners.sol). Its keys are points of BN254; ours
/// are points of BLS12-381 and do not fit into these structs: see DASigners.
interface IDASigners {
    struct G1Point {
        uint256 X;
        uint256 Y;
    }

    struct G2Point {
        uint256[2] X;
        uint256[2] Y;
    }

    struct SignerDetail {
        address signer;
        string socket;
        G1Point pkG1;
        G2Point pkG2;
    }

    struct Params {
        uint256 tokensPerVote;
        uint256 maxVotesPerSigner;
        uint256 maxQuorums;
        uint256 epochBlocks;
        uint256 encodedSlices;
    }

    event NewSigner(address indexed signer, G1Point pkG1, G2Point pkG2);
    event SocketUpdated(address indexed signer, string socket);

    function params() external view returns (Params memory);
    function epochNumber() external view returns (uint256);
    function quorumCount(uint256 epoch) external view returns (uint256);
    function isSigner(address account) external view returns (bool);
    function getSigner(address[] calldata accounts) external view returns (SignerDetail[] memory);
    function getQuorum(uint256 epoch, uint256 quorumId) external view returns (address[] memory);
    function getQuorumRow(uint256 epoch, uint256 quorumId, uint32 rowIndex) external view returns (address);
    function registerSigner(SignerDetail calldata signer, G1Point calldata signature) external;
    function updateSocket(string calldata socket) external;
    function registeredEpoch(address account, uint256 epoch) external view returns (bool);
    function registerNextEpoch(address account, G1Point calldata signature, uint256 votes) external;
    function makeEpoch() external;
    function getAggPkG1(uint256 epoch, uint256 quorumId, bytes calldata quorumBitmap)
        external
        view
        returns (G1Point memory aggPkG1, uint256 total, uint256 hit);
}
