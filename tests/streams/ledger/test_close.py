"""Closing ledgers: conservation, all or nothing, replay, and no meaning in the order of arrival."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.consensus import ScpValue
from schemas.generated.entries import AssetSupply, Balance
from schemas.generated.ledger import LedgerBody, LedgerHeader
from streams.ledger.admission import Candidate
from streams.ledger.close import Ledger, close_ledger
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import open_genesis
from streams.ledger.hashes import compute_hash, compute_set_hash
from streams.ledger.invariants import check_everything
from streams.ledger.state_trie import build
from tests.support.network import (
    Network,
    create_account,
    create_balance,
    get_account,
    issue,
    make_economy,
    pay,
)

NAMES = ("alice", "bob", "issuer")
Step = tuple[int, int, int, int]  # kind, who, to whom, how much
steps = st.tuples(
    st.integers(0, 5), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2_000_000)
)
transactions = st.lists(st.lists(steps, min_size=1, max_size=4), max_size=6)
ledgers = st.lists(transactions, min_size=1, max_size=4)


def make_body(network: Network, source: str, step: Step) -> Any:
    kind, _, to, amount = step
    match kind:
        case 0 | 1:
            return pay(network, source, NAMES[to], "EUR", amount)
        case 2:
            return pay(network, source, NAMES[to], "EUR", amount, f"reference {amount % 3}")
        case 3:
            return issue(network, NAMES[to], "EUR", amount, f"issue {amount % 5}")
        case 4:
            return create_balance(source, "EUR")
        case _:
            return create_account(f"newcomer {amount % 3}")


def make_candidates(network: Network, wanted: list[list[Step]]) -> list[Candidate]:
    """Those that may be in a set: others are no members of one."""
    made = []
    for each in wanted:
        source = NAMES[each[0][1]]
        made.append(network.prepare(source, *(make_body(network, source, step) for step in each)))
    return list(filter(network.is_member, made))


def get_total(ledger: Ledger) -> tuple[int, int]:
    """What all balances hold, and what was issued."""
    entries = [ledger.state.get(key) for key in ledger.state.encoded]
    held = sum(e.amount + e.locked for e in entries if isinstance(e, Balance))
    return held, sum(e.issued for e in entries if isinstance(e, AssetSupply))


def close_in_order(network: Network, candidates: list[Candidate]) -> Hash:
    """The header's hash when the set is handed over in this order."""
    ledger = network.ledger
    by_hash = {each.envelope_hash: each for each in candidates}
    set_hash = compute_set_hash(ledger.header_hash, sorted(by_hash))
    value = ScpValue(ledger.header_hash, set_hash, ledger.header.close_time_ms + 1_000, ())
    return close_ledger(ledger, value, by_hash).header_hash


@settings(max_examples=60, deadline=None)
@given(ledgers)
def test_value_is_neither_made_nor_lost_and_refusals_leave_nothing(
    wanted: list[list[list[Step]]],
) -> None:
    network = make_economy()
    for each in wanted:
        before = dict(network.ledger.state.encoded)
        closed = network.close(*make_candidates(network, each))
        held, issued = get_total(network.ledger)
        assert held == issued
        check_everything(network.ledger.state)
        changed = {key for applied in closed.applied for key, _, _ in applied.changes}
        state = network.ledger.state.encoded
        assert {k for k in before | state if before.get(k) != state.get(k)} <= changed
        for applied in closed.applied:
            assert applied.defect is None
            assert bool(applied.effects) == (applied.result.code.name == "SUCCESS")
    trie = build(
        (compute_hash(k), compute_hash(v)) for k, v in network.ledger.state.encoded.items()
    )
    assert trie.root == network.ledger.header.state_root


@settings(max_examples=25, deadline=None)
@given(ledgers)
def test_a_replay_of_the_records_gives_the_same_headers(wanted: list[list[list[Step]]]) -> None:
    network = make_economy()
    for each in wanted:
        network.close(*make_candidates(network, each))
    ledger = open_genesis(network.genesis).ledger
    for record in network.records[1:]:
        header = decode(LedgerHeader, record.header)
        envelopes = [each.envelope for each in decode(LedgerBody, record.body).transactions]
        by_hash = {compute_hash(each): network.admit(each) for each in envelopes}
        value = ScpValue(ledger.header_hash, header.set_hash, header.close_time_ms, ())
        closed = close_ledger(ledger, value, by_hash)
        assert (closed.header_bytes, closed.body) == (record.header, record.body)
    assert ledger.state.encoded == network.ledger.state.encoded


@settings(max_examples=25, deadline=None)
@given(transactions, st.randoms(use_true_random=False))
def test_the_order_of_arrival_means_nothing(wanted: list[list[Step]], random: Random) -> None:
    one, other = make_economy(), make_economy()
    candidates = make_candidates(one, wanted)
    shuffled = [other.admit(each.envelope) for each in candidates]
    random.shuffle(shuffled)
    assert close_in_order(one, candidates) == close_in_order(other, shuffled)


def test_a_value_that_does_not_fit_the_ledger_stops_the_node() -> None:
    network = make_economy()
    ledger = network.ledger
    candidate = network.prepare("alice", pay(network, "alice", "bob", "EUR", 1))
    members = {candidate.envelope_hash: candidate}
    set_hash = compute_set_hash(ledger.header_hash, list(members))
    now_ms = ledger.header.close_time_ms
    for value in (
        ScpValue(Hash(bytes(32)), set_hash, now_ms + 1, ()),
        ScpValue(ledger.header_hash, Hash(bytes(32)), now_ms + 1, ()),
        ScpValue(ledger.header_hash, set_hash, now_ms, ()),
    ):
        with pytest.raises(InvariantViolation):
            close_ledger(ledger, value, members)
    assert ledger.header.sequence == 5


def test_the_header_of_an_empty_ledger_differs_in_what_it_must() -> None:
    network = make_economy()
    before = network.ledger.header
    after = network.close().header
    assert after.sequence == before.sequence + 1
    assert after.state_root == before.state_root
    assert after.hash_window_root == before.hash_window_root
    assert after.set_hash == bytes(32)
    assert network.ledger.state.get_account(get_account("alice")) is not None


def test_a_ledger_says_what_it_added_to_the_hash_window() -> None:
    network = make_economy()
    payments = [
        network.prepare("alice", pay(network, "alice", "bob", "EUR", n)) for n in range(1, 4)
    ]
    closed = network.close(*payments)
    [(minute, _, hashes)] = closed.window_rows
    assert minute == payments[0].transaction.max_time_ms // 60_000
    assert hashes == tuple(sorted(each.transaction_hash for each in payments))
