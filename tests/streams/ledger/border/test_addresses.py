"""Who has which address when: intervals, rest, keysets, the order of the pool."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated import keys
from schemas.generated.common import U64, WalletKind
from schemas.generated.entries import ExternalAddress, ExternalBinding, KeyValue, Wallet
from schemas.generated.keys import get_key
from schemas.generated.ledger import LedgerEntry
from schemas.generated.operations import (
    BindExternalSystemAccountIdCode,
    BindExternalSystemAccountIdResult,
    ManageExternalSystemAccountIdPoolEntry,
    RemovePoolEntry,
    U32Value,
)
from streams.ledger.border.addresses import REST_MS
from streams.ledger.errors import InvariantViolation
from streams.ledger.invariants import check_changes, check_everything
from streams.ledger.state import LedgerState
from tests.streams.ledger.operations.cases import put
from tests.support.border import BANK, CHAIN, add_address, add_keyset, bind
from tests.support.network import Network, get_account, make_economy

DAY_MS = 24 * 60 * 60 * 1000
NAMES = ("alice", "bob", "issuer", "master")


def take(network: Network, name: str, system: str = CHAIN, after_ms: int = 1_000) -> str | None:
    """The address that somebody has then; None: there is none."""
    closed = network.apply_signed(name, [name], bind(system), interval_ms=after_ms)
    [result] = closed.applied[0].result.operations
    if result.outcome is BindExternalSystemAccountIdCode.NO_AVAILABLE_ID:
        return None
    assert isinstance(result.outcome, BindExternalSystemAccountIdResult)
    return result.outcome.address


def get_intervals(network: Network, system: str, address: str) -> list[tuple[bytes, int, int]]:
    """As a verifier finds them, one key after the other."""
    state = network.ledger.state
    found: list[tuple[bytes, int, int]] = []
    while True:
        binding = state.get_external_binding(system, address, U64(len(found) + 1))
        if binding is None:
            return found
        assert binding.until_ms is not None
        found.append((bytes(binding.account_id), binding.from_ms, binding.until_ms))


def fill_bank(network: Network, *references: str) -> None:
    network.apply("master", *(add_address(each, BANK, 0) for each in references))


def test_a_banks_reference_passes_on_after_thirty_days_of_rest() -> None:
    network = make_economy()
    fill_bank(network, "RF1")
    assert take(network, "alice", BANK) == "RF1"
    assert take(network, "bob", BANK, DAY_MS + REST_MS - 1) is None
    assert take(network, "bob", BANK, 1) == "RF1"
    assert take(network, "alice", BANK) is None
    (first, from_ms, until_ms), (second, next_ms, _) = get_intervals(network, BANK, "RF1")
    assert (first, second) == (get_account("alice"), get_account("bob"))
    assert until_ms == from_ms + DAY_MS
    assert next_ms == until_ms + REST_MS


def test_who_takes_it_again_in_time_prolongs_the_same_interval() -> None:
    network = make_economy()
    fill_bank(network, "RF1")
    put(network, KeyValue(f"ext_sys_exp_period:{BANK}", U32Value(60)))
    take(network, "alice", BANK)
    take(network, "alice", BANK, 59_000)
    [(_, from_ms, until_ms)] = get_intervals(network, BANK, "RF1")
    assert until_ms == from_ms + 59_000 + 60_000


def test_who_comes_back_after_its_end_has_another_interval() -> None:
    network = make_economy()
    fill_bank(network, "RF1")
    take(network, "alice", BANK)
    assert take(network, "alice", BANK, 2 * DAY_MS) == "RF1"
    (_, _, until_ms), (_, from_ms, _) = get_intervals(network, BANK, "RF1")
    assert from_ms == until_ms + DAY_MS


def test_references_that_nobody_had_come_before_those_that_rest() -> None:
    network = make_economy()
    fill_bank(network, "RF1")
    take(network, "alice", BANK)
    fill_bank(network, "RF2")
    assert take(network, "bob", BANK, 2 * (DAY_MS + REST_MS)) == "RF2"


def test_a_chains_address_never_passes_on() -> None:
    network = make_economy()
    add_keyset(network)
    network.apply("master", add_address("0xa"))
    assert take(network, "alice") == "0xa"
    assert take(network, "bob", CHAIN, 100 * REST_MS) is None
    assert take(network, "alice") == "0xa"


def test_after_a_change_of_the_keyset_accounts_get_another_address_and_keep_the_old_one() -> None:
    network = make_economy()
    add_keyset(network)
    network.apply("master", add_address("0xa"), add_address("0xfree"))
    take(network, "alice")
    state = network.ledger.state
    former = state.get_keyset(CHAIN, WalletKind.DEPOSIT, 1)
    assert former is not None
    put(network, replace(former, version=2), Wallet(CHAIN, WalletKind.DEPOSIT, 2))
    assert take(network, "alice") is None
    network.apply("master", add_address("0xb", version=2))
    assert take(network, "alice") == "0xb"
    binding = state.get_external_binding(CHAIN, "0xa", U64(1))
    assert binding is not None
    assert (binding.account_id, binding.until_ms) == (get_account("alice"), None)
    pool = state.get_external_pool(CHAIN, 1)
    assert pool is not None
    assert pool.first == "0xfree"


def remove(address: str) -> ManageExternalSystemAccountIdPoolEntry:
    return ManageExternalSystemAccountIdPoolEntry(BANK, address, RemovePoolEntry())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=30))
def test_the_pool_stays_one_list_whatever_is_done(steps: list[tuple[int, int]]) -> None:
    network = make_economy()
    for what, number in steps:
        if what == 0:
            fill_bank(network, f"RF{number}")
        elif what == 1:
            network.apply("master", remove(f"RF{number % 10}"))
        else:
            take(network, NAMES[number % 4], BANK, (number % 3) * DAY_MS * 11 + 1)
    state = network.ledger.state
    check_everything(state)
    pool = state.get_external_pool(BANK, 0)
    listed, at = [], None if pool is None else pool.first
    previous = None
    while at is not None:
        address = state.get_external_address(BANK, at)
        assert address is not None
        assert address.previous == previous
        listed.append(address)
        previous, at = at, address.next
    assert pool is None or pool.last == previous
    branch = keys.external_address_key(BANK, "")[:1]
    stored = [state.get(key) for key in state.encoded if key[:1] == branch]
    assert len(listed) == sum(
        isinstance(each, ExternalAddress) and each.state.name != "REMOVED" for each in stored
    )
    assert (pool.free if pool else 0) == sum(not each.bindings for each in listed)


def change(before: ExternalBinding | None, after: ExternalBinding | None) -> None:
    state = LedgerState(make_economy().ledger.state.encoded)
    made = after or before
    assert made is not None
    raw = None if before is None else encode(LedgerEntry(before))
    if after is not None:
        state.encoded[get_key(after)] = encode(LedgerEntry(after))
    check_changes(state, {get_key(made): (raw, after)})


BINDING = ExternalBinding(CHAIN, "0xa", U64(1), get_account("alice"), U64(5), None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BINDING, None),
        (BINDING, replace(BINDING, account_id=get_account("bob"))),
        (BINDING, replace(BINDING, from_ms=U64(4))),
        (None, replace(BINDING, until_ms=U64(9))),
        (None, replace(BINDING, system=BANK)),
        (None, replace(BINDING, number=U64(2))),
    ],
    ids=["removed", "another's", "earlier", "a chain's with an end", "a bank's without", "again"],
)
def test_a_breach_is_found(before: ExternalBinding | None, after: ExternalBinding | None) -> None:
    with pytest.raises(InvariantViolation):
        change(before, after)
