"""What a record is to who stands at a position."""

import random
from collections.abc import Callable

import pytest

from processors.ledger_feed.follow import Gap, Repeat, follow, get_sequence
from schemas.codec import frame
from schemas.generated.common import Hash
from schemas.generated.ledger import LedgerRecord
from streams.ledger.chain import (
    ChainPosition,
    ForgedLedger,
    VerifiedLedger,
    get_genesis_position,
)
from streams.ledger.hashes import compute_hash
from tests.processors import lies
from tests.processors.economies import make_varied_network
from tests.processors.lies import COMMON, LIES

NETWORK = make_varied_network(3)
RECORDS = NETWORK.records
HASHES = {place: compute_hash(record.header) for place, record in enumerate(RECORDS, start=1)}


def step(position: ChainPosition, record: LedgerRecord | bytes) -> VerifiedLedger | Repeat | Gap:
    data = record if isinstance(record, bytes) else frame(record)
    return follow(position, data, NETWORK.genesis_hash, HASHES.get)


def get_position(sequence: int) -> ChainPosition:
    position = get_genesis_position(NETWORK.network_id)
    for record in RECORDS[:sequence]:
        found = step(position, record)
        assert isinstance(found, VerifiedLedger)
        position = found.position
    return position


def test_the_next_ledger_is_verified() -> None:
    found = step(get_position(3), RECORDS[3])
    assert isinstance(found, VerifiedLedger)
    assert found.header.sequence == found.position.sequence == 4


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_a_ledger_folded_before_is_a_repeat(sequence: int) -> None:
    assert step(get_position(5), RECORDS[sequence - 1]) == Repeat(sequence)


def test_a_later_ledger_tells_what_is_missing() -> None:
    assert step(get_position(2), RECORDS[5]) == Gap(3, 5)
    assert get_sequence(frame(RECORDS[5])) == 6


def test_a_repeat_with_another_body_is_forged() -> None:
    record = LedgerRecord(RECORDS[2].header, RECORDS[2].certificate, RECORDS[3].body)
    with pytest.raises(ForgedLedger, match="body"):
        step(get_position(5), record)


def test_another_ledger_under_a_known_number_is_a_fork() -> None:
    with pytest.raises(ForgedLedger, match="forked"):
        follow(get_position(5), frame(RECORDS[2]), NETWORK.genesis_hash, lambda _: Hash(bytes(32)))


@pytest.mark.parametrize("make_bytes", [lambda d: d[:-1], lambda d: b"\0" + d, lambda _: b""])
def test_what_is_no_record_is_forged(make_bytes: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ForgedLedger, match="cannot be read"):
        step(get_position(3), make_bytes(frame(RECORDS[3])))


def test_a_record_without_a_header_is_forged() -> None:
    record = LedgerRecord(b"", RECORDS[3].certificate, RECORDS[3].body)
    with pytest.raises(ForgedLedger, match="header cannot be read"):
        step(get_position(3), record)


def test_no_bit_of_a_record_can_be_another() -> None:
    """Unless it then claims to be a later ledger: that tells nothing before the gap is filled."""
    position, data = get_position(3), frame(RECORDS[3])
    chance = random.Random(1)
    for _ in range(500):
        place = chance.randrange(len(data))
        bit = 1 << chance.randrange(8)
        forged = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
        try:
            found = step(position, forged)
        except ForgedLedger:
            continue
        assert isinstance(found, Gap)


@pytest.mark.parametrize("name", LIES)
def test_what_is_forged_is_called_by_its_name(name: str) -> None:
    lie, reason = LIES[name]
    chance = random.Random(name)
    for place in range(COMMON + 1, len(lies.RECORDS)):
        position = get_genesis_position(lies.NETWORK.network_id)
        for record in lies.RECORDS[:place]:
            genesis_hash = lies.NETWORK.genesis_hash
            found = follow(position, frame(record), genesis_hash, lambda _: None)
            assert isinstance(found, VerifiedLedger)
            position = found.position
        told = lie(lies.RECORDS[place], chance)
        data = told if isinstance(told, bytes) else frame(told)
        with pytest.raises(ForgedLedger, match=reason):
            follow(position, data, lies.NETWORK.genesis_hash, lambda _: None)
