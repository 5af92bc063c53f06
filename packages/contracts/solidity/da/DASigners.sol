// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Owned} from "../lib/Owned.sol";
import {Bls} from "./Bls.sol";
import {CommitteeCode} from "./CommitteeCode.sol";
import {Dealing} from "./Dealing.sol";
import {IDASigners} from "./IDASigners.sol";

/// Who may sign for data availability: registry, epochs, committees. At 0x...1000, where 0G has a precompile, with its views.
///
/// Keys are points of BLS12-381, registered with a proof of possession. 0G's functions that pass keys or signatures of BN254 revert with
/// Bn254KeysUnsupported, and its structs show zero keys: our own functions below pass the real ones.
///
/// Votes are the weight of a member. The weigher sets them: the owner until staking exists, then the staking contract; it is the only one who
/// can let somebody into a committee. Members are in the order of the list that `nextMembers` gives; a committee is fixed when its epoch begins.
contract DASigners is Owned, IDASigners {
    struct Signer {
        uint64 votes;
        /// Place in the list of members + 1; 0 for those who are not to be in the next committee.
        uint32 place;
        bool registered;
        bool left;
        /// x and y, 48 bytes each.
        bytes32[3] key;
        string socket;
    }

    struct Epoch {
        /// See CommitteeCode.
        address code;
        uint48 firstBlock;
        uint48 beganAt;
        bytes32 seed;
    }

    /// What a client needs of an epoch, with `committeeMembers` for who they are.
    struct EpochDetail {
        uint64 epoch;
        uint64 firstBlock;
        uint64 beganAt;
        bytes32 seed;
        bytes32 committeeRoot;
        uint64 totalVotes;
        uint32 members;
    }

    struct MemberDetail {
        address account;
        uint64 votes;
        Bls.G1 key;
        /// As it is now, not as it was when the epoch began.
        string socket;
    }

    uint64 public currentEpoch;
    uint48 public epochBlocks;
    /// Whether the next committee differs from the present one.
    bool private changed;
    address public weigher;

    mapping(uint256 => Epoch) private epochs;
    mapping(address => Signer) private signers;
    /// Who is in the next committee.
    address[] private list;

    uint256 private constant SOCKET_BYTES_MAX = 256;

    event SignerRegistered(address indexed signer, Bls.G1 key);
    event VotesSet(address indexed signer, uint64 votes);
    event SignerLeft(address indexed signer);
    event WeigherSet(address indexed weigher);
    event EpochBlocksSet(uint48 epochBlocks);
    event EpochMade(uint256 indexed epoch, bytes32 committeeRoot, bytes32 seed, uint256 members, uint256 totalVotes);

    error KeyInvalid();
    error PossessionInvalid();
    error NotRegistered(address account);
    error NotWeigher(address account);
    error TooManyMembers();
    error NoMembers();
    error VotesTooMany();
    error EpochNotOver(uint256 untilBlock);
    error EpochUnknown(uint256 epoch);
    error QuorumUnknown(uint256 quorumId);
    error RowUnknown(uint256 row);
    error SocketTooLong();
    error ValueTooLarge(uint256 value);
    error Bn254KeysUnsupported();

    constructor(address owner_, uint48 epochBlocks_) Owned(owner_) {
        epochBlocks = epochBlocks_;
        weigher = owner_;
    }

    // --- Registry ---

    /// Registers the caller's key, or replaces it from the next epoch on.
    /// `possession` is the signature by the key over "zerog/da/possession/v1" ‖ u64 chain id ‖ caller ‖ compressed key.
    function registerKey(Bls.G1 calldata key, Bls.G2 calldata possession, string calldata socket) external {
        Bls.G1 memory point = key;
        // The pairing proves that it is on the curve and in the subgroup, but takes infinity as well.
        require(!Bls.isInfinity(point), KeyInvalid());
        bytes memory message =
            abi.encodePacked("zerog/da/possession/v1", uint64(block.chainid), msg.sender, Bls.compress(point));
        require(_verify(possession, point, Bls.hashToG2(message)), PossessionInvalid());
        Signer storage signer = signers[msg.sender];
        signer.key = [bytes32(key.xHigh << 128 | key.xLow >> 128), bytes32(key.xLow << 128 | key.yHigh), bytes32(key.yLow)];
        signer.registered = true;
        signer.left = false;
        _setSocket(socket);
        emit SignerRegistered(msg.sender, point);
        _list(msg.sender, true);
    }

    /// The caller is in no further committee. What it signed binds it as before.
    function leaveCommittee() external {
        Signer storage signer = signers[msg.sender];
        require(signer.registered, NotRegistered(msg.sender));
        signer.left = true;
        emit SignerLeft(msg.sender);
        _list(msg.sender, false);
    }

    function updateSocket(string calldata socket) external {
        require(signers[msg.sender].registered, NotRegistered(msg.sender));
        _setSocket(socket);
    }

    /// From the next epoch on. 0 takes the signer out.
    function setVotes(address account, uint64 votes) external {
        require(msg.sender == weigher, NotWeigher(msg.sender));
        signers[account].votes = votes;
        emit VotesSet(account, votes);
        _list(account, true);
    }

    function setWeigher(address weigher_) external onlyOwner {
        weigher = weigher_;
        emit WeigherSet(weigher_);
    }

    function setEpochBlocks(uint48 epochBlocks_) external onlyOwner {
        epochBlocks = epochBlocks_;
        emit EpochBlocksSet(epochBlocks_);
    }

    // --- Epochs ---

    /// Begins the next epoch with those who have votes and a key. Anybody may once the present one has lasted `epochBlocks`, the owner
    /// before. While nobody calls, the present one goes on.
    function makeEpoch() external {
        Epoch storage present = epochs[currentEpoch];
        uint256 until = uint256(present.firstBlock) + epochBlocks;
        require(block.number >= until || msg.sender == owner || currentEpoch == 0, EpochNotOver(until));
        address code = changed || present.code == address(0) ? _writeCommittee() : present.code;
        changed = false;
        uint64 epoch = ++currentEpoch;
        bytes32 seed = bytes32(block.prevrandao);
        epochs[epoch] = Epoch(code, uint48(block.number), uint48(block.timestamp), seed);
        CommitteeCode.Header memory header = CommitteeCode.header(code);
        emit EpochMade(epoch, header.root, seed, header.members, header.stake);
    }

    /// The account whose code is the committee (0 where there is none), and the present epoch.
    function committeeCode(uint256 epoch, uint256 committeeId) external view returns (address code, uint256 current) {
        return (committeeId == 0 ? epochs[epoch].code : address(0), currentEpoch);
    }

    /// When the epoch after this one began, seconds; 0 while there is none.
    function epochEndedAt(uint256 epoch) external view returns (uint256) {
        return epochs[epoch + 1].beganAt;
    }

    function epochDetail(uint256 epoch) external view returns (EpochDetail memory) {
        Epoch storage found = _epoch(epoch);
        CommitteeCode.Header memory header = CommitteeCode.header(found.code);
        return EpochDetail(
            uint64(epoch), found.firstBlock, found.beganAt, found.seed, header.root, header.stake, header.members
        );
    }

    /// Members `first` to at most `first + count - 1` of an epoch, in their order.
    function committeeMembers(uint256 epoch, uint256 first, uint256 count) external view returns (MemberDetail[] memory found) {
        address code = _epoch(epoch).code;
        uint256 members = CommitteeCode.header(code).members;
        if (first > members) first = members;
        if (count > members - first) count = members - first;
        found = new MemberDetail[](count);
        for (uint256 index = 0; index < count; index++) {
            CommitteeCode.Member memory member = CommitteeCode.member(code, first + index, members);
            found[index] = MemberDetail(member.account, member.stake, member.key, signers[member.account].socket);
        }
    }

    /// Sum of the keys and votes of the members in a bitmap: what `getAggPkG1` is for keys of BN254.
    function aggregate(uint256 epoch, bytes calldata bitmap) external view returns (Bls.G1 memory key, uint256 total, uint256 signed) {
        address code = _epoch(epoch).code;
        CommitteeCode.Header memory header = CommitteeCode.header(code);
        (key, signed) = CommitteeCode.signers(code, header, bitmap);
        total = header.stake;
    }

    /// Who will be in the next committee.
    function nextMembers() external view returns (address[] memory) {
        return list;
    }

    /// The registration of an account; a zero key where there is none.
    function signerOf(address account) external view returns (Bls.G1 memory key, uint64 votes, bool active, string memory socket) {
        Signer storage signer = signers[account];
        return (_point(signer.key), signer.votes, signer.place != 0, signer.socket);
    }

    // --- 0G's views ---

    function params() external view returns (Params memory) {
        address code = epochs[currentEpoch].code;
        uint256 count = code == address(0) ? 1 : CommitteeCode.header(code).members;
        return Params(0, type(uint64).max, 1, epochBlocks, 4 * Dealing.committeeRows(count));
    }

    function epochNumber() external view returns (uint256) {
        return currentEpoch;
    }

    function quorumCount(uint256 epoch) external view returns (uint256) {
        _checkSize(epoch);
        return epochs[epoch].code == address(0) ? 0 : 1;
    }

    function isSigner(address account) external view returns (bool) {
        return signers[account].registered;
    }

    /// Account and socket; the keys are zero, because ours do not fit (`signerOf` has them).
    function getSigner(address[] calldata accounts) external view returns (SignerDetail[] memory found) {
        found = new SignerDetail[](accounts.length);
        for (uint256 index = 0; index < accounts.length; index++) {
            require(signers[accounts[index]].registered, NotRegistered(accounts[index]));
            found[index].signer = accounts[index];
            found[index].socket = signers[accounts[index]].socket;
        }
    }

    /// Owners of the places 0 to 4K - 1 of a bundle with the committee's own K. Which row lies at a place is the permutation of the bundle's
    /// commitment and the epoch's seed: docs/spec/data-availability.md.
    function getQuorum(uint256 epoch, uint256 quorumId) external view returns (address[] memory owners) {
        (address code, uint256[] memory counts) = _dealt(epoch, quorumId);
        uint256 place;
        owners = new address[](4 * Dealing.committeeRows(counts.length));
        for (uint256 index = 0; index < counts.length; index++) {
            address account = CommitteeCode.member(code, index, counts.length).account;
            for (uint256 end = place + counts[index]; place < end; place++) owners[place] = account;
        }
    }

    /// One element of `getQuorum`.
    function getQuorumRow(uint256 epoch, uint256 quorumId, uint32 rowIndex) external view returns (address) {
        (address code, uint256[] memory counts) = _dealt(epoch, quorumId);
        uint256 end;
        for (uint256 index = 0; index < counts.length; index++) {
            end += counts[index];
            if (rowIndex < end) return CommitteeCode.member(code, index, counts.length).account;
        }
        revert RowUnknown(rowIndex);
    }

    /// Whether the account is in the committee of an epoch, or will be in the next one's.
    function registeredEpoch(address account, uint256 epoch) external view returns (bool) {
        _checkSize(epoch);
        if (epoch == uint256(currentEpoch) + 1) return signers[account].place != 0;
        address code = epochs[epoch].code;
        if (code == address(0)) return false;
        uint256 count = CommitteeCode.header(code).members;
        for (uint256 index = 0; index < count; index++) {
            if (CommitteeCode.member(code, index, count).account == account) return true;
        }
        return false;
    }

    /// A sum of keys that do not exist: a caller who took zero for it would accept any signature.
    function getAggPkG1(uint256, uint256, bytes calldata) external pure returns (G1Point memory, uint256, uint256) {
        revert Bn254KeysUnsupported();
    }

    function registerSigner(SignerDetail calldata, G1Point calldata) external pure {
        revert Bn254KeysUnsupported();
    }

    /// Members stay until they leave.
    function registerNextEpoch(address, G1Point calldata, uint256) external pure {
        revert Bn254KeysUnsupported();
    }

    // --- Within ---

    /// Puts the account into the list of the next committee or takes it out, as its registration and votes say.
    function _list(address account, bool keyChanged) private {
        Signer storage signer = signers[account];
        bool wanted = signer.registered && !signer.left && signer.votes > 0;
        if (wanted && signer.place == 0) {
            require(list.length < CommitteeCode.MEMBERS_MAX, TooManyMembers());
            list.push(account);
            signer.place = uint32(list.length);
        } else if (!wanted && signer.place != 0) {
            address last = list[list.length - 1];
            list[signer.place - 1] = last;
            signers[last].place = signer.place;
            list.pop();
            signer.place = 0;
        } else if (!wanted || !keyChanged) {
            return;
        }
        changed = true;
    }

    function _writeCommittee() private returns (address) {
        uint256 count = list.length;
        require(count > 0, NoMembers());
        bytes memory encoded = new bytes(124 * count);
        uint256 total;
        Bls.G1 memory sum;
        for (uint256 index = 0; index < count; index++) {
            address account = list[index];
            Signer storage signer = signers[account];
            total += signer.votes;
            bytes32[3] memory key = signer.key;
            uint256 head = uint256(uint160(account)) << 96 | uint256(signer.votes) << 32;
            assembly ("memory-safe") {
                let at := add(add(encoded, 32), mul(124, index))
                mstore(at, head)
                mcopy(add(at, 28), key, 96)
            }
            Bls.G1 memory point = _point(key);
            sum = index == 0 ? point : Bls.add(sum, point);
        }
        require(total <= type(uint64).max, VotesTooMany());
        bytes32 root = keccak256(abi.encodePacked("zerog/da/committee/v1", uint32(count), encoded));
        return CommitteeCode.write(encoded, root, sum, uint64(total));
    }

    function _point(bytes32[3] memory key) private pure returns (Bls.G1 memory) {
        (uint256 a, uint256 b) = (uint256(key[0]), uint256(key[1]));
        return Bls.G1(a >> 128, a << 128 | b >> 128, b & type(uint128).max, uint256(key[2]));
    }

    function _verify(Bls.G2 memory signature, Bls.G1 memory key, Bls.G2 memory hash) private view returns (bool) {
        Bls.G1[] memory keys = new Bls.G1[](1);
        Bls.G2[] memory hashes = new Bls.G2[](1);
        keys[0] = key;
        hashes[0] = hash;
        return Bls.verify(signature, keys, hashes, 1);
    }

    function _setSocket(string calldata socket) private {
        require(bytes(socket).length <= SOCKET_BYTES_MAX, SocketTooLong());
        signers[msg.sender].socket = socket;
        emit SocketUpdated(msg.sender, socket);
    }

    function _epoch(uint256 epoch) private view returns (Epoch storage found) {
        _checkSize(epoch);
        found = epochs[epoch];
        require(found.code != address(0), EpochUnknown(epoch));
    }

    /// Rows of each member at the committee's own K. The upper half of a quorum id is the index of a blob and means nothing here.
    function _dealt(uint256 epoch, uint256 quorumId) private view returns (address code, uint256[] memory counts) {
        code = _epoch(epoch).code;
        _checkSize(quorumId);
        require(uint32(quorumId) == 0, QuorumUnknown(quorumId));
        uint256 count = CommitteeCode.header(code).members;
        uint64[] memory stakes = new uint64[](count);
        for (uint256 index = 0; index < count; index++) stakes[index] = CommitteeCode.member(code, index, count).stake;
        counts = Dealing.deal(stakes, 4 * Dealing.committeeRows(count));
    }

    function _checkSize(uint256 value) private pure {
        require(value <= type(uint64).max, ValueTooLarge(value));
    }
}
