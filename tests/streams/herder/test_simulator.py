"""A simulation says what a ledger would, and leaves no trace."""

from typing import Any

import pytest

from schemas.codec import encode
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import TransactionCode, TransactionEnvelope
from streams.herder.simulator import Simulator
from streams.ledger.admission import RejectionReason
from streams.ledger.simulation import Simulated
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    make_economy,
    pay,
    set_fee,
)


def simulate(network: Network, source: str, *bodies: Any) -> Simulated | RejectionReason:
    """Unsigned."""
    envelope = encode(TransactionEnvelope(encode(network.build(source, *bodies)), ()))
    return Simulator(network.ledger).simulate(envelope)


@pytest.mark.parametrize("amount", [5, 10**9])
def test_it_says_what_the_ledger_would(amount: int) -> None:
    network = make_economy()
    network.apply("master", set_fee("EUR", 1, 0, 0))
    body = pay(network, "alice", "bob", "EUR", amount, "once")
    before = dict(network.ledger.state.encoded)
    simulated = simulate(network, "alice", body)
    assert isinstance(simulated, Simulated)
    assert network.ledger.state.encoded == before
    again = simulate(network, "alice", body)
    assert isinstance(again, Simulated)
    assert again.result == simulated.result  # the reference was not used up
    [applied] = network.apply("alice", body).applied
    assert (simulated.result, simulated.effects) == (applied.result, applied.effects)
    assert simulated.sequence == network.ledger.header.sequence - 1


def test_nothing_of_it_stays() -> None:
    """Roles, references and counters included: what follows is as without it."""
    one, other = make_economy(), make_economy()
    assert simulate(one, "master", create_account("carol"), create_account("dave"))
    assert simulate(one, "issuer", create_asset("USD"))
    for network in (one, other):
        network.apply("issuer", create_asset("USD"))
        network.apply("master", create_account("carol"))
    assert one.ledger.header.state_root == other.ledger.header.state_root
    assert one.ledger.trie.root == one.ledger.header.state_root


@pytest.mark.parametrize(
    ("source", "code"),
    [("nobody", RejectionCode.NO_ACCOUNT), ("issuer", RejectionCode.UNRESOLVED)],
)
def test_what_could_not_enter_a_set_is_rejected(source: str, code: RejectionCode) -> None:
    network = make_economy()
    rejection = simulate(network, source, pay(network, "issuer", "bob", "EUR", 1))
    assert isinstance(rejection, RejectionReason)
    assert rejection.code is code


def test_a_refusal_is_a_result() -> None:
    network = make_economy()
    simulated = simulate(network, "alice", pay(network, "alice", "bob", "EUR", 10**9))
    assert isinstance(simulated, Simulated)
    assert (simulated.result.code, simulated.effects) == (TransactionCode.FAILED, [])
