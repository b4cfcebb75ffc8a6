"""The archive's format: what was written is read again, by anybody, and nothing else is."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import fastavro
import pytest
from msgspec.structs import replace

from schemas.binary import Malformed
from schemas.codec import decode, encode
from schemas.generated.archive import (
    ArchivedHeader,
    ArchivedObject,
    Checkpoint,
    ObjectKind,
)
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet, QuorumSetUpgrade, Upgrade
from schemas.generated.ledger import LedgerHeader
from streams.archive import chain, container, layout
from streams.archive.checkpoint import (
    ArchivedLedger,
    DamagedArchive,
    MadeObject,
    make_checkpoint,
    read_ledgers,
)
from streams.archive.container import decode_container, encode_container
from streams.ledger.chain import ForgedLedger, get_genesis_position, verify_record
from tests.support.network import (
    Network,
    create_account,
    get_public_key,
    make_economy,
    pay,
)


@dataclass
class Shelf:
    """Objects by their hashes: an archive without a server."""

    objects: dict[Hash, bytes] = field(default_factory=dict)
    manifest: Checkpoint | None = None

    def put(self, made: MadeObject) -> None:
        self.objects[made.named.hash] = made.data

    def read(self, objects: Sequence[ArchivedObject]) -> Iterator[bytes]:
        return (self.objects[each.hash] for each in objects)


def archive(network: Network, count: int | None = None) -> tuple[Shelf, Checkpoint]:
    """The network's first ledgers as one checkpoint."""
    shelf = Shelf()
    records = network.records[:count]
    ledgers = (ArchivedLedger(n, record) for n, record in enumerate(records, start=1))
    *made, manifest = make_checkpoint(network.network_id, ledgers)
    for each in made:
        assert isinstance(each, MadeObject)
        shelf.put(each)
    assert isinstance(manifest, Checkpoint)
    return shelf, manifest


@pytest.fixture(scope="module")
def network() -> Network:
    network = make_economy()
    for number in range(20):
        network.apply("alice", pay(network, "alice", "bob", "EUR", 1, f"n{number}"))
    return network


def test_ledgers_are_read_as_they_were_written(network: Network) -> None:
    shelf, manifest = archive(network)
    found = list(read_ledgers(manifest, shelf.read))
    assert [each.record for each in found] == network.records
    assert [each.sequence for each in found] == list(range(1, len(network.records) + 1))
    assert manifest.last_header_hash == network.ledger.header_hash


def test_equal_ledgers_make_equal_objects(network: Network) -> None:
    assert archive(network) == archive(network)


def test_many_bodies_are_several_objects(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.archive.checkpoint.OBJECT_BYTES", 5_000)
    shelf, manifest = archive(network)
    kinds = [each.kind for each in manifest.objects]
    assert kinds.count(ObjectKind.BODIES) > 3
    assert [each.record for each in read_ledgers(manifest, shelf.read)] == network.records


def read_plainly(data: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(data)))


def get_schema(name: str) -> Any:
    return fastavro.parse_schema(
        fastavro.schema.load_schema(str(container.SCHEMAS / f"{name}.avsc")), _force=True
    )


def test_plain_fastavro_reads_an_archive_and_checks_its_chain(network: Network) -> None:
    """With nothing of ours but the published schemas."""
    shelf, manifest = archive(network)
    (row,) = read_plainly(encode_container(Checkpoint, [manifest]))
    files: dict[str, list[Any]] = {}
    for named in row["objects"]:
        data = shelf.objects[Hash(named["hash"])]
        assert sha256(data).digest() == named["hash"]
        files.setdefault(named["kind"], []).extend(read_plainly(data))
    schema = get_schema("LedgerHeader")
    previous = bytes(32)
    for number, (header, body) in enumerate(
        zip(files["HEADERS"], files["BODIES"], strict=True), start=1
    ):
        decoded: Any = fastavro.schemaless_reader(io.BytesIO(header["header"]), schema, None)
        assert int.from_bytes(decoded["sequence"], "big") == number
        assert decoded["previous_header_hash"] == previous
        assert decoded["body_hash"] == sha256(body["body"]).digest()
        previous = sha256(header["header"]).digest()
    assert previous == row["last_header_hash"]
    assert len(files["CERTIFICATES"]) == len(network.records)


def follow_headers(position: Any, manifest: Checkpoint, shelf: Shelf, last: int) -> Any:
    rows = chain.read_header_objects(manifest, shelf.read)
    return chain.follow_headers(position, manifest, rows, shelf.read, last)


def test_headers_alone_lead_to_the_last_ledger(network: Network) -> None:
    shelf, manifest = archive(network)
    start = verify_record(
        get_genesis_position(network.network_id), network.records[0], network.genesis_hash
    ).position
    end = follow_headers(start, manifest, shelf, manifest.last_sequence)
    assert end.header_hash == network.ledger.header_hash
    assert end.quorum_set == network.ledger.state.get_validators().quorum_set
    half = follow_headers(start, manifest, shelf, 10)
    assert follow_headers(half, manifest, shelf, manifest.last_sequence) == end


def test_headers_of_another_network_are_refused(network: Network) -> None:
    other = Network()
    other.apply("master", create_account("carol"))
    shelf, manifest = archive(other)
    start = verify_record(
        get_genesis_position(network.network_id), network.records[0], network.genesis_hash
    ).position
    other.records[1] = network.records[1]
    follow_headers(start, manifest, shelf, 2)  # the same genesis, another ledger 2: also true
    forged = encode(make_forged_header(network))
    rows = [ArchivedHeader(1, network.records[0].header), ArchivedHeader(2, forged)]
    data = encode_container(ArchivedHeader, rows)
    named = ArchivedObject(ObjectKind.HEADERS, Hash(sha256(data).digest()), len(data), 2)
    shelf.objects[named.hash] = data
    others = [each for each in manifest.objects if each.kind is not ObjectKind.HEADERS]
    false = Checkpoint(network.network_id, 1, 2, Hash(bytes(32)), (*others, named))
    with pytest.raises(ForgedLedger):
        follow_headers(start, false, shelf, 2)


def make_forged_header(network: Network) -> LedgerHeader:
    header = decode(LedgerHeader, network.records[1].header)
    return replace(header, state_root=Hash(bytes(32)))


def test_other_bytes_than_the_name_says_are_refused(network: Network) -> None:
    shelf, manifest = archive(network, 3)
    for named in manifest.objects:
        kept = shelf.objects[named.hash]
        shelf.objects[named.hash] = kept[:-20] + bytes(20)
        with pytest.raises(DamagedArchive):
            list(read_ledgers(manifest, shelf.read))
        shelf.objects[named.hash] = kept


def test_a_gap_or_another_order_is_refused(network: Network) -> None:
    rows = [ArchivedLedger(n, network.records[n - 1]) for n in (1, 2, 4)]
    shelf = Shelf()
    *made, manifest = make_checkpoint(network.network_id, rows)
    for each in made:
        assert isinstance(each, MadeObject)
        shelf.put(each)
    assert isinstance(manifest, Checkpoint)
    with pytest.raises(DamagedArchive):
        list(read_ledgers(manifest, shelf.read))


HEADERS = [ArchivedHeader(number, bytes([number]) * 100) for number in range(1, 50)]


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_cut_or_changed_file_is_never_an_unexpected_error(at: int) -> None:
    data = encode_container(ArchivedHeader, HEADERS)
    for damaged in (data[:at], data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]):
        try:
            found = list(decode_container(ArchivedHeader, damaged))
        except Malformed:
            continue
        assert found != HEADERS  # records of the right form: the object's hash tells


def test_a_block_that_unpacks_to_too_much_is_refused_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encode_container(ArchivedHeader, HEADERS)
    monkeypatch.setattr(container, "BLOCK_BYTES_MAX", 1_000)
    with pytest.raises(Malformed, match="too large"):
        list(decode_container(ArchivedHeader, data))


def test_names_sort_the_newest_first() -> None:
    hashes = [Hash(sha256(bytes([n])).digest()) for n in range(4)]
    sequences = [64, 128, 6400, 2**63]
    keys = [
        layout.get_manifest_key(layout.CHECKPOINTS, sequence, each)
        for sequence, each in zip(sequences, hashes, strict=True)
    ]
    found = layout.parse_manifests([*sorted(keys), "checkpoints/readme", "checkpoints/1-2.avro"])
    assert [each.sequence for each in found] == sequences[::-1]
    assert [each.hash for each in found] == hashes[::-1]
    assert [layout.get_checkpoint_end(n) for n in (1, 64, 65, 128)] == [64, 64, 128, 128]


def test_changes_of_the_quorum_set_are_followed_by_headers() -> None:
    """Two in neighbouring ledgers, and a ledger that only the last set certifies."""
    network = make_economy()
    first = tuple(sorted(get_public_key(f"validator {number}") for number in range(4)))
    fifth = tuple(sorted((*first, get_public_key("validator 4"))))
    sets = [QuorumSet(4, fifth, ()), QuorumSet(3, first, ())]
    for quorum_set in sets:
        network.close(upgrades=(encode(Upgrade(QuorumSetUpgrade(quorum_set))),))
    network.apply("alice", pay(network, "alice", "bob", "EUR", 1))
    shelf, manifest = archive(network)
    start = verify_record(
        get_genesis_position(network.network_id), network.records[0], network.genesis_hash
    ).position
    end = follow_headers(start, manifest, shelf, manifest.last_sequence)
    assert end.header_hash == network.ledger.header_hash
    assert end.quorum_set == sets[-1]
    between = follow_headers(start, manifest, shelf, manifest.last_sequence - 2)
    assert between.quorum_set == sets[0]
    stricter = dataclasses.replace(between, quorum_set=QuorumSet(5, fifth, ()))
    with pytest.raises(ForgedLedger, match="too few"):  # a change is judged by the set before it
        follow_headers(stricter, manifest, shelf, manifest.last_sequence - 1)
