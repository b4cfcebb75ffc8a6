"""What ledgers mean to accounts: the table of rules, on ledgers that a network has closed."""

from typing import Any

import pytest

from processors.notificator.events import (
    LedgerEvents,
    compute_token,
    format_amount,
    list_events,
)
from schemas.codec import Malformed, decode
from schemas.generated.common import U64, Hash, SignerData
from schemas.generated.ledger import LedgerHeader
from schemas.generated.operations import (
    CheckpointChain,
    CreateSigner,
    ManageSigner,
    RemoveSigner,
    StepBackCheckpoint,
    UpdateSigner,
)
from streams.ledger.values import OWNER_SIGNER_ROLE
from tests.support import border
from tests.support.network import Network, get_account, get_public_key, make_economy, pay


def read_all(network: Network) -> list[LedgerEvents]:
    ledgers = []
    for record in network.records:
        header = decode(LedgerHeader, record.header)
        ledgers.append(list_events(header.sequence, header.close_time_ms, record.body))
    return ledgers


@pytest.fixture
def network() -> Network:
    return make_economy()


def get_last(network: Network, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Types and data of the last ledger's events of somebody."""
    events = read_all(network)[-1].events
    return [(e.type, dict(e.data)) for e in events if e.account_id == get_account(name)]


def test_the_economy_tells_of_issuances_and_assets(network: Network) -> None:
    ledgers = read_all(network)
    assets = {code: digits for each in ledgers for code, digits in each.assets.items()}
    assert assets
    issued = [event for each in ledgers for event in each.events if event.type == "issued"]
    assert issued
    assert all(event.amount and event.asset in assets for event in issued)
    for each in ledgers:
        assert [event.place for event in each.events] == list(range(1, len(each.events) + 1))


def test_a_payment_is_told_to_both(network: Network) -> None:
    closed = network.apply("alice", pay(network, "alice", "bob", "EUR", 7))
    sequence = str(closed.header.sequence)
    (sent,) = get_last(network, "alice")
    (received,) = get_last(network, "bob")
    assert (sent[0], received[0]) == ("payment_sent", "payment_received")
    assert sent[1]["ledger"] == received[1]["ledger"] == sequence


def test_signers_added_and_removed_are_told(network: Network) -> None:
    signer = SignerData(get_public_key("new"), OWNER_SIGNER_ROLE, 1, 1, b"")
    network.apply("alice", ManageSigner(CreateSigner(signer)))
    ((type_, data),) = get_last(network, "alice")
    assert (type_, data["change"]) == ("signer_changed", "added")
    changed = SignerData(get_public_key("new"), OWNER_SIGNER_ROLE, 2, 1, b"")
    network.apply("alice", ManageSigner(UpdateSigner(changed)))
    assert get_last(network, "alice") == []
    network.apply("alice", ManageSigner(RemoveSigner(get_public_key("new"))))
    ((type_, data),) = get_last(network, "alice")
    assert (type_, data["change"]) == ("signer_changed", "removed")


def test_debts_of_network_fees_and_halted_chains_alarm_operators(network: Network) -> None:
    border.confirm_first(network)
    network.apply("master", border.settle(fee=7))
    ((name, problem),) = read_all(network)[-1].alarms
    assert name == border.ETH
    assert "transfer 1" in problem
    network.apply("master", border.advance(9))
    assert read_all(network)[-1].alarms == []
    back = StepBackCheckpoint(U64(7), Hash(bytes([7]) * 32), border.EVIDENCE)
    network.apply("master", CheckpointChain(border.CHAIN, back))
    ((name, problem),) = read_all(network)[-1].alarms
    assert name == border.CHAIN
    assert "7" in problem


def test_every_instance_derives_the_same_token(network: Network) -> None:
    first, second = read_all(network), read_all(network)
    tokens = [
        compute_token(each.sequence, event, event.account_id)
        for each in first
        for event in each.events
    ]
    assert tokens == [
        compute_token(each.sequence, event, event.account_id)
        for each in second
        for event in each.events
    ]
    assert len(set(tokens)) == len(tokens)


def test_amounts_as_people_write_them() -> None:
    found = [format_amount(*each) for each in ((0, 0), (5, 0), (5, 2), (123_456, 2), (1, 18))]
    assert found == ["0", "5", "0.05", "1234.56", "0.000000000000000001"]


def test_what_is_no_body_is_refused(network: Network) -> None:
    body = network.records[-1].body
    for wrong in (body + b"\0", body[:-1], b"\x02"):
        with pytest.raises((Malformed, IndexError)):
            list_events(1, 1, wrong)
