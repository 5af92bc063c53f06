// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Owned} from "../lib/Owned.sol";
import {Bls} from "./Bls.sol";
import {CommitteeCode} from "./CommitteeCode.sol";
import {IDASigners} from "./IDASigners.sol";
import {WindowTree} from "./WindowTree.sol";

interface ICommittees {
    function committeeCode(uint256 epoch, uint256 committee) external view returns (address code, uint256 current);
    function epochEndedAt(uint256 epoch) external view returns (uint256);
}

/// Which bundles are certified, with 0G's events and views. One slot per bundle, nothing per blob: a blob is proven by the list at the head
/// of its bundle.
///
/// A bundle is named by (commitment, epoch, quorumId mod 2^32); 0G's clients pass quorum ids whose upper half is the index of a blob.
contract DAEntrance is Owned {
    /// A coded bundle as members signed it, without what it shares with its window.
    struct Bundle {
        bytes32 commitment;
        uint32 k;
        uint32 n;
        uint32 rowBytes;
        uint32 payloadBytes;
        uint64 expiry;
    }

    /// All bundles of a certificate in their order, and who signed.
    struct Window {
        uint64 epoch;
        uint32 committee;
        bytes bitmap;
        Bundle[] bundles;
    }

    /// What is stored of a bundle: 240 bits.
    struct Record {
        uint64 expiry;
        uint32 k;
        uint32 n;
        uint32 rowBytes;
        uint32 payloadBytes;
        uint48 height;
    }

    struct Roots {
        bytes32 rowRoot;
        bytes32 rlcRoot;
    }

    struct CommitRootSubmission {
        bytes32 dataRoot;
        uint256 epoch;
        uint256 quorumId;
        IDASigners.G1Point erasureCommitment;
        bytes quorumBitmap;
        IDASigners.G2Point aggPkG2;
        IDASigners.G1Point signature;
    }

    ICommittees private constant SIGNERS = ICommittees(0x0000000000000000000000000000000000001000);
    uint256 private constant BUNDLES_MAX = 256;
    /// A certificate may come in the epoch after its own, and so long after the end of its own: an account without money or a chain that nobody
    /// reached must not cost what was certified. Not later, because those who left may certify anything until then.
    uint256 private constant LATE_SECONDS = 7 days;

    /// wei per root of `submitOriginalData`.
    uint256 public blobPrice;
    /// Longest retention that may be certified.
    uint64 public retentionSecondsMax;
    mapping(bytes32 => Record) private records;
    mapping(bytes32 => Roots) private disclosed;

    event DataUpload(address sender, bytes32 dataRoot, uint256 epoch, uint256 quorumId, uint256 blobPrice);
    event ErasureCommitmentVerified(bytes32 dataRoot, uint256 epoch, uint256 quorumId);
    /// Who signed what; bundles of it that were not known are in the events above.
    event WindowCertified(uint64 indexed epoch, uint32 indexed committee, bytes32 windowRoot, uint256 count, bytes bitmap);
    event RootsDisclosed(bytes32 indexed dataRoot, bytes32 rowRoot, bytes32 rlcRoot);
    event BlobPriceSet(uint256 blobPrice);
    event RetentionSecondsMaxSet(uint64 retentionSecondsMax);
    event Withdrawn(address indexed to, uint256 amount);

    error NoBundles();
    error TooManyBundles(uint256 count);
    error EpochNotOpen(uint256 epoch, uint256 current);
    error EpochClosed(uint256 epoch, uint256 closedAt);
    error CommitteeUnknown(uint256 epoch, uint256 committee);
    error Expired(bytes32 commitment, uint256 expiry);
    error ExpiryTooFar(bytes32 commitment, uint256 expiry);
    error ThresholdNotReached(uint256 signed, uint256 total);
    error SignersInvalid();
    error SignatureInvalid();
    error NotCertified(bytes32 dataRoot);
    error ValueTooLarge(uint256 value);
    error TransferFailed();
    error Bn254KeysUnsupported();

    constructor(address owner_, uint64 retentionSecondsMax_) Owned(owner_) {
        retentionSecondsMax = retentionSecondsMax_;
    }

    // --- Certificates ---

    /// Records the bundles of windows that two thirds of their committee's votes signed. `signature` is the sum of the windows' signatures:
    /// that all signed all is what one check of the sum proves (BGLS 2003 with proofs of possession), so the certificates of a batch cost one
    /// pairing call, and windows with the same signers one pair.
    ///
    /// A bundle that is recorded already is passed over, unless its expiry grows. A window of which nothing is left costs no verification.
    function submitCertificates(Window[] calldata windows, Bls.G2 calldata signature) external {
        Bls.G1[] memory keys = new Bls.G1[](windows.length);
        Bls.G2[] memory hashes = new Bls.G2[](windows.length);
        uint256 pairs;
        for (uint256 index = 0; index < windows.length; index++) {
            (Bls.G1 memory key, Bls.G2 memory hash, bool news) = _open(windows[index]);
            if (!news) continue;
            if (pairs > 0 && Bls.equal(key, keys[pairs - 1])) {
                hashes[pairs - 1] = Bls.add(hashes[pairs - 1], hash);
            } else {
                (keys[pairs], hashes[pairs]) = (key, hash);
                pairs++;
            }
        }
        if (pairs == 0) return;
        Bls.G2 memory sum = signature;
        require(!Bls.isInfinity(sum) && Bls.verify(sum, keys, hashes, pairs), SignatureInvalid());
    }

    /// The stored record; zero where there is none, also by expiry (a record stays, `expiry` says how long rows are kept).
    function recordOf(bytes32 dataRoot, uint256 epoch, uint256 quorumId) external view returns (Record memory) {
        return records[_keyOf(dataRoot, epoch, quorumId)];
    }

    /// Fills in what 0G's struct shows for a certified bundle: anybody who knows the two roots may.
    function discloseRoots(bytes32 rowRoot, bytes32 rlcRoot, uint256 epoch, uint256 quorumId) external {
        bytes32 dataRoot = sha256(abi.encodePacked(rowRoot, rlcRoot));
        bytes32 key = _keyOf(dataRoot, epoch, quorumId);
        require(records[key].expiry != 0, NotCertified(dataRoot));
        disclosed[key] = Roots(rowRoot, rlcRoot);
        emit RootsDisclosed(dataRoot, rowRoot, rlcRoot);
    }

    // --- 0G's functions ---

    /// Announces roots; nothing is stored and nothing depends on it. What is paid beyond the price is given back.
    function submitOriginalData(bytes32[] calldata dataRoots) external payable {
        (, uint256 epoch) = SIGNERS.committeeCode(0, 0);
        require(epoch > 0, "DAEntrance: No DA Signers");
        uint256 fee = dataRoots.length * blobPrice;
        require(msg.value >= fee, "Not enough da blob fee");
        for (uint256 index = 0; index < dataRoots.length; index++) {
            emit DataUpload(msg.sender, dataRoots[index], epoch, 0, blobPrice);
        }
        if (msg.value > fee) _send(msg.sender, msg.value - fee);
    }

    function commitmentExists(bytes32 dataRoot, uint256 epoch, uint256 quorumId) external view returns (bool) {
        return records[_keyOf(dataRoot, epoch, quorumId)].expiry != 0;
    }

    /// Of a certified bundle: row root and RLC root where somebody disclosed them, before that the commitment and zero; else zeros.
    function verifiedErasureCommitment(bytes32 dataRoot, uint256 epoch, uint256 quorumId)
        external
        view
        returns (IDASigners.G1Point memory)
    {
        bytes32 key = _keyOf(dataRoot, epoch, quorumId);
        Roots storage roots = disclosed[key];
        if (roots.rowRoot != 0) return IDASigners.G1Point(uint256(roots.rowRoot), uint256(roots.rlcRoot));
        return IDASigners.G1Point(records[key].expiry == 0 ? 0 : uint256(dataRoot), 0);
    }

    function submitVerifiedCommitRoots(CommitRootSubmission[] calldata) external pure {
        revert Bn254KeysUnsupported();
    }

    // --- Owner ---

    function setBlobPrice(uint256 blobPrice_) external onlyOwner {
        blobPrice = blobPrice_;
        emit BlobPriceSet(blobPrice_);
    }

    function setRetentionSecondsMax(uint64 retentionSecondsMax_) external onlyOwner {
        retentionSecondsMax = retentionSecondsMax_;
        emit RetentionSecondsMaxSet(retentionSecondsMax_);
    }

    function withdraw(address payable to, uint256 amount) external onlyOwner {
        emit Withdrawn(to, amount);
        _send(to, amount);
    }

    // --- Within ---

    /// Checks all of a window but its signature, records what is new, and gives the key and the hash that the signature must fit.
    function _open(Window calldata window) private returns (Bls.G1 memory key, Bls.G2 memory hash, bool news) {
        (address code, uint256 current) = SIGNERS.committeeCode(window.epoch, window.committee);
        require(window.epoch <= current, EpochNotOpen(window.epoch, current));
        require(code != address(0), CommitteeUnknown(window.epoch, window.committee));
        if (uint256(window.epoch) + 1 < current) {
            uint256 closedAt = SIGNERS.epochEndedAt(window.epoch) + LATE_SECONDS;
            require(block.timestamp <= closedAt, EpochClosed(window.epoch, closedAt));
        }
        bytes32 windowRoot;
        (windowRoot, news) = _record(window);
        if (!news) return (key, hash, false);
        CommitteeCode.Header memory header = CommitteeCode.header(code);
        uint64 signed;
        (key, signed) = CommitteeCode.signers(code, header, window.bitmap);
        require(signed > 0 && 3 * uint256(signed) >= 2 * uint256(header.stake), ThresholdNotReached(signed, header.stake));
        // Keys that cancel each other would verify a signature that nobody gave.
        require(!Bls.isInfinity(key), SignersInvalid());
        hash = Bls.hashToG2(
            abi.encodePacked(
                "zerog/da/window/v1",
                uint64(block.chainid),
                window.epoch,
                window.committee,
                header.root,
                uint32(window.bundles.length),
                windowRoot
            )
        );
        emit WindowCertified(window.epoch, window.committee, windowRoot, window.bundles.length, window.bitmap);
    }

    function _record(Window calldata window) private returns (bytes32 windowRoot, bool news) {
        uint256 count = window.bundles.length;
        require(count > 0, NoBundles());
        require(count <= BUNDLES_MAX, TooManyBundles(count));
        bytes32[] memory nodes = new bytes32[](count);
        for (uint256 index = 0; index < count; index++) {
            Bundle calldata bundle = window.bundles[index];
            nodes[index] = WindowTree.leaf(_statement(bundle, window.epoch, window.committee));
            require(bundle.expiry > block.timestamp, Expired(bundle.commitment, bundle.expiry));
            require(bundle.expiry <= block.timestamp + retentionSecondsMax, ExpiryTooFar(bundle.commitment, bundle.expiry));
            Record storage known = records[_key(bundle.commitment, window.epoch, window.committee)];
            if (known.expiry >= bundle.expiry) continue;
            news = true;
            if (known.expiry == 0) {
                emit DataUpload(msg.sender, bundle.commitment, window.epoch, window.committee, 0);
                emit ErasureCommitmentVerified(bundle.commitment, window.epoch, window.committee);
            }
            _store(known, bundle);
        }
        windowRoot = WindowTree.root(nodes);
    }

    function _store(Record storage slot, Bundle calldata bundle) private {
        Record memory record =
            Record(bundle.expiry, bundle.k, bundle.n, bundle.rowBytes, bundle.payloadBytes, uint48(block.number));
        uint256 word = uint256(record.expiry) | uint256(record.k) << 64 | uint256(record.n) << 96
            | uint256(record.rowBytes) << 128 | uint256(record.payloadBytes) << 160 | uint256(record.height) << 192;
        // One write; field by field, the compiler reads the slot again for each.
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function _statement(Bundle calldata bundle, uint64 epoch, uint32 committee) private view returns (bytes32) {
        return sha256(
            abi.encodePacked(
                "zerog/da/bundle/v1",
                uint64(block.chainid),
                bundle.commitment,
                bundle.k,
                bundle.n,
                bundle.rowBytes,
                bundle.payloadBytes,
                epoch,
                committee,
                bundle.expiry
            )
        );
    }

    function _keyOf(bytes32 dataRoot, uint256 epoch, uint256 quorumId) private pure returns (bytes32) {
        require(epoch <= type(uint64).max, ValueTooLarge(epoch));
        require(quorumId <= type(uint64).max, ValueTooLarge(quorumId));
        return _key(dataRoot, epoch, uint32(quorumId));
    }

    function _key(bytes32 dataRoot, uint256 epoch, uint256 committee) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(dataRoot, epoch, committee));
    }

    function _send(address to, uint256 amount) private {
        (bool sent, ) = to.call{value: amount}("");
        require(sent, TransferFailed());
    }
}
