"""The state and the delta that a transaction writes through: reads its writes, takes all back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import decode
from schemas.generated.entries import KeyValue
from schemas.generated.keys import key_value_key
from schemas.generated.ledger import LedgerEntry
from schemas.generated.operations import U32Value
from streams.ledger.invariants import check_everything
from streams.ledger.state import LedgerDelta, LedgerState
from tests.support.network import get_account, get_public_key, make_economy, pay

steps = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "commit", "roll back"]), st.integers(0, 3)),
    max_size=30,
)


def get_numbers(state: LedgerState) -> dict[str, int]:
    found: dict[str, int] = {}
    for number in range(4):
        entry = state.get_key_value(str(number))
        if entry is not None:
            assert isinstance(entry.value, U32Value)
            found[entry.key] = entry.value.value
    return found


@given(steps)
def test_a_delta_is_a_dictionary_that_can_go_back(wanted: list[tuple[str, int]]) -> None:
    """Against a model: two plain dictionaries."""
    state = LedgerState({})
    delta = LedgerDelta(state)
    committed: dict[str, int] = {}
    model: dict[str, int] = {}
    for turn, (what, number) in enumerate(wanted):
        key = str(number)
        match what:
            case "put":
                delta.put(KeyValue(key, U32Value(turn)))
                model[key] = turn
            case "remove":
                delta.remove(key_value_key(key))
                model.pop(key, None)
            case "commit":
                changes = delta.commit()
                assert [each[0] for each in changes] == sorted(each[0] for each in changes)
                for changed, before, after in changes:
                    assert before != after
                    assert state.encoded.get(changed) == after
                committed = dict(model)
            case _:
                delta.roll_back()
                model = dict(committed)
        assert get_numbers(delta) == model
    delta.roll_back()
    assert get_numbers(state) == committed
    assert get_numbers(LedgerState(state.encoded)) == committed
    assert len(state.encoded) == len(committed)


def test_every_getter_finds_its_kind_of_entry() -> None:
    network = make_economy()
    state = network.ledger.state
    alice = get_account("alice")
    found: list[Any] = [
        state.get_network_settings(),
        state.get_counters(),
        state.get_base_assets(),
        state.get_validators(),
        state.get_account_role(1),
        state.get_signer_role(1),
        state.get_account(alice),
        state.get_signer(alice, get_public_key("alice")),
        state.get_key_value("issuance_tasks:*"),
        state.get_asset("EUR"),
        state.get_balance(network.get_balance_id("alice", "EUR")),
        state.get_asset_supply("EUR"),
    ]
    assert [type(each).__name__ for each in found] == [
        "NetworkSettings",
        "Counters",
        "BaseAssets",
        "Validators",
        "AccountRole",
        "SignerRole",
        "Account",
        "Signer",
        "KeyValue",
        "Asset",
        "Balance",
        "AssetSupply",
    ]
    assert state.get_reviewable_request(1) is None
    assert state.get_asset_reservation("EUR") is None


def test_what_is_cached_is_what_is_encoded() -> None:
    network = make_economy()
    state = network.ledger.state
    for key, raw in state.encoded.items():
        assert state.get(key) == decode(LedgerEntry, raw).data
    assert replace(state.get_counters()) == LedgerState(state.encoded).get_counters()


def test_the_cache_of_decoded_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.ledger.state.DECODED_MAX", 3)
    network = make_economy()
    network.apply("alice", pay(network, "alice", "bob", "EUR", 1))
    assert len(network.ledger.state.decoded) <= 3
    assert network.get_amount("bob", "EUR") == 1_000_001


def test_a_full_check_keeps_nothing_decoded() -> None:
    started = LedgerState(make_economy().ledger.state.encoded)
    check_everything(started)
    assert len(started.decoded) <= 2  # the one asset and its supply
