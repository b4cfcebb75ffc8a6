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
from processors.horizon.reserves import TABLES
from schemas.generated.common import U64, Amount, BalanceID, PublicKey, Signature
from schemas.generated.events import ReserveLiabilities
from schemas.strkey import encode_balance_id
from streams.ledger.sum_tree import NODE_BYTES
from tests.gateways.horizon.reserve_history import (
    ASSET,
    OWNER,
    list_leaves,
    make_report,
    sign,
    tell,
)
from tests.gateways.support import Gateway
from tests.support.network import get_public_key

SIGNERS = {get_public_key(OWNER)}


@pytest.fixture(scope="module")
def leaves(gateway: Gateway) -> bytes:
    return list_leaves(gateway.world)


@pytest.fixture(autouse=True)
def told(gateway: Gateway) -> Iterator[None]:
    yield
    for name in TABLES:
        gateway.world.connection.execute(f"delete from horizon.{name}".encode())  # noqa: S608


def get_shown(gateway: Gateway) -> Any:
    answer = gateway.stranger.get(f"/v3/reserves/{ASSET}")
    return answer.json()["data"]["attributes"] if answer.status_code == 200 else None


def test_a_report_is_shown_once_enough_signers_of_the_owner_agree(
    gateway: Gateway, leaves: bytes
) -> None:
    report = make_report(gateway.world, leaves)
    tell(gateway.world, sign(report, "alice"))
    assert get_shown(gateway) is None
    tell(gateway.world, sign(report), sign(report))
    shown = get_shown(gateway)
    assert shown["report"]["sequence"] == str(report.sequence)
    assert len(shown["signatures"]) == 2
    assert verify_reserve(shown, SIGNERS).report == report
    (listed,) = gateway.stranger.get("/v3/reserves").json()["data"]
    assert listed["attributes"] == shown


def test_the_newest_report_is_shown(gateway: Gateway, leaves: bytes) -> None:
    newer = make_report(gateway.world, leaves, height=U64(9))
    tell(gateway.world, sign(newer), sign(make_report(gateway.world, leaves)))
    assert get_shown(gateway)["report"]["height"] == "9"


def test_what_is_not_signed_is_left_out(gateway: Gateway, leaves: bytes) -> None:
    right = sign(make_report(gateway.world, leaves))
    tell(
        gateway.world,
        replace(right, signature=Signature(bytes(64))),
        b"nothing",
        replace(right, report=b""),
    )
    assert get_shown(gateway) is None


def test_a_holder_finds_his_balance_in_the_total(gateway: Gateway, leaves: bytes) -> None:
    report = make_report(gateway.world, leaves)
    half = len(leaves) // NODE_BYTES // 2 * NODE_BYTES
    first = ReserveLiabilities(ASSET, report.sequence, U64(0), leaves[:half])
    second = ReserveLiabilities(ASSET, report.sequence, U64(half // NODE_BYTES), leaves[half:])
    tell(gateway.world, second, sign(report), first)
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
    report = make_report(gateway.world, leaves)
    other = bytearray(leaves)
    other[-1] ^= 1
    tell(
        gateway.world,
        sign(report),
        ReserveLiabilities(ASSET, report.sequence, U64(0), bytes(other)),
    )
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
    tell(gateway.world, sign(make_report(gateway.world, leaves, surplus=Amount(1))))
    with pytest.raises(ReserveError):
        verify_reserve(get_shown(gateway), SIGNERS)
    tell(gateway.world, sign(make_report(gateway.world, leaves, height=U64(8))))
    others = {*SIGNERS, PublicKey(bytes(32))}
    with pytest.raises(ReserveError):
        verify_reserve(get_shown(gateway), others)
