"""Reports on reserves: what Horizon keeps, when it shows it, and how holders verify it."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from gateways.client.reserves import (
    ReserveError,
    verify_balance_in_reserve,
    verify_reserve,
)
from processors.horizon.reserves import get_writer
from processors.ledger_feed.topic import Message
from processors.psim.books import Books
from schemas.codec import encode, frame
from schemas.generated.common import U64, Amount, BalanceID, Hash, PublicKey, Signature, WalletKind
from schemas.generated.events import (
    ReserveHolding,
    ReserveItem,
    ReserveItemKind,
    ReserveLiabilities,
    ReserveReport,
    SignedReserveReport,
)
from schemas.generated.keys import KeyBytes
from schemas.strkey import encode_balance_id
from streams.ledger.reserves import compute_reserve_payload
from streams.ledger.sum_tree import NODE_BYTES, SumTree
from tests.gateways.support import Gateway
from tests.support.network import get_account, get_key, get_public_key

ASSET, OWNER = "EUR", "issuer"
SIGNERS = {get_public_key(OWNER)}


@pytest.fixture(scope="module")
def leaves(gateway: Gateway) -> bytes:
    books = Books(get_account(OWNER))
    for key, entry in gateway.world.network.ledger.state.encoded.items():
        books.put(KeyBytes(key), entry)
    return books.list_leaves(ASSET)


def make_report(gateway: Gateway, leaves: bytes, **changes: Any) -> ReserveReport:
    tree, header = SumTree.make(leaves), gateway.world.network.ledger.header
    report = ReserveReport(
        network_id=gateway.world.network.network_id,
        asset=ASSET,
        chain_id="eip155:1",
        sequence=U64(header.sequence),
        closed_at_ms=U64(header.close_time_ms),
        height=U64(7),
        block_hash=Hash(bytes(32)),
        issued=Amount(tree.root.sum),
        balances=U64(tree.leaf_count),
        liabilities=Hash(tree.root.hash),
        holdings=(ReserveHolding(WalletKind.HOT, U64(1), Amount(tree.root.sum + 3)),),
        items=(ReserveItem(ReserveItemKind.DUST, "tx:0", Amount(3)),),
        rests=(),
        missing=Amount(0),
        surplus=Amount(0),
    )
    return replace(report, **changes)


def sign(report: ReserveReport, name: str = OWNER) -> SignedReserveReport:
    content = encode(report)
    signature = get_key(name).sign(compute_reserve_payload(content)).signature
    return SignedReserveReport(content, get_public_key(name), Signature(signature))


def tell(gateway: Gateway, *records: Any) -> None:
    """What topics bring."""
    values = (each if isinstance(each, bytes) else frame(each) for each in records)
    get_writer(gateway.world.connection)([Message(0, value) for value in values])


@pytest.fixture(autouse=True)
def told(gateway: Gateway) -> Iterator[None]:
    yield
    for name in ("reserve_reports", "reserve_leaves", "reserve_levels"):
        gateway.world.connection.execute(f"delete from horizon.{name}".encode())  # noqa: S608


def get_shown(gateway: Gateway) -> Any:
    answer = gateway.stranger.get(f"/v3/reserves/{ASSET}")
    return answer.json()["data"]["attributes"] if answer.status_code == 200 else None


def test_a_report_is_shown_once_enough_signers_of_the_owner_agree(
    gateway: Gateway, leaves: bytes
) -> None:
    report = make_report(gateway, leaves)
    tell(gateway, sign(report, "alice"))
    assert get_shown(gateway) is None
    tell(gateway, sign(report), sign(report))
    shown = get_shown(gateway)
    assert shown["report"]["sequence"] == str(report.sequence)
    assert len(shown["signatures"]) == 2
    assert verify_reserve(shown, SIGNERS).report == report
    (listed,) = gateway.stranger.get("/v3/reserves").json()["data"]
    assert listed["attributes"] == shown


def test_the_newest_report_is_shown(gateway: Gateway, leaves: bytes) -> None:
    newer = make_report(gateway, leaves, height=U64(9))
    tell(gateway, sign(newer), sign(make_report(gateway, leaves)))
    assert get_shown(gateway)["report"]["height"] == "9"


def test_what_is_not_signed_is_left_out(gateway: Gateway, leaves: bytes) -> None:
    right = sign(make_report(gateway, leaves))
    tell(
        gateway,
        replace(right, signature=Signature(bytes(64))),
        b"nothing",
        replace(right, report=b""),
    )
    assert get_shown(gateway) is None


def test_a_holder_finds_his_balance_in_the_total(gateway: Gateway, leaves: bytes) -> None:
    report = make_report(gateway, leaves)
    half = len(leaves) // NODE_BYTES // 2 * NODE_BYTES
    first = ReserveLiabilities(ASSET, report.sequence, U64(0), leaves[:half])
    second = ReserveLiabilities(ASSET, report.sequence, U64(half // NODE_BYTES), leaves[half:])
    tell(gateway, second, sign(report), first)
    for name in ("alice", "bob"):
        balance_id = gateway.world.network.get_balance_id(name, ASSET)
        amount = gateway.world.network.get_amount(name, ASSET)
        proof = get_proof(gateway, name, balance_id)
        assert verify_balance_in_reserve(proof, balance_id, amount, SIGNERS).report == report
        with pytest.raises(ReserveError):
            verify_balance_in_reserve(proof, balance_id, amount - 1, SIGNERS)
    stranger = gateway.stranger.get(f"/v3/balances/{encode_balance_id(balance_id)}/reserve-proof")
    assert stranger.status_code == 401


def test_leaves_that_lead_elsewhere_prove_nothing(gateway: Gateway, leaves: bytes) -> None:
    report = make_report(gateway, leaves)
    other = bytearray(leaves)
    other[-1] ^= 1
    tell(gateway, sign(report), ReserveLiabilities(ASSET, report.sequence, U64(0), bytes(other)))
    rows = gateway.world.connection.execute("select 1 from horizon.reserve_levels").fetchall()
    assert rows == []


def get_proof(gateway: Gateway, name: str, balance_id: BalanceID) -> Any:
    path = f"/v3/balances/{encode_balance_id(balance_id)}/reserve-proof"
    answer = gateway.stranger.get(path, auth=gateway.sign_as(name))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["attributes"]


def test_a_report_with_wrong_sums_or_too_few_signatures_does_not_verify(
    gateway: Gateway, leaves: bytes
) -> None:
    tell(gateway, sign(make_report(gateway, leaves, surplus=Amount(1))))
    with pytest.raises(ReserveError):
        verify_reserve(get_shown(gateway), SIGNERS)
    tell(gateway, sign(make_report(gateway, leaves, height=U64(8))))
    others = {*SIGNERS, PublicKey(bytes(32))}
    with pytest.raises(ReserveError):
        verify_reserve(get_shown(gateway), others)
