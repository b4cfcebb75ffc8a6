"""Caps: beyond what may be issued or withdrawn in 24 hours a person has to look."""

from msgspec.structs import replace

from schemas.generated.common import Amount
from schemas.generated.entries import FlowKind
from schemas.generated.operations import (
    ManageKeyValue,
    PutKeyValue,
    ReviewAction,
    U32Value,
    U128Value,
)
from schemas.tasks import Task
from streams.ledger.caps import compute_cap_tasks, count_flow, take_back_flow
from streams.ledger.state import LedgerDelta
from tests.streams.ledger.operations.test_create_withdrawal_request import make, make_wdr
from tests.support.network import Network, issue, make_economy, make_reference, review

HOUR_MS = 3_600_000
REVIEW = int(Task.HUMAN_REVIEW)
ISSUANCE, WITHDRAWAL = FlowKind.ISSUANCE, FlowKind.WITHDRAWAL


def set_cap(network: Network, key: str, amount: int) -> None:
    network.apply("master", ManageKeyValue(key, PutKeyValue(U128Value(amount))))


def get_delta(cap: int = 100) -> LedgerDelta:
    network = make_economy()
    set_cap(network, "issuance_cap:EUR", cap)
    return LedgerDelta(network.ledger.state)


def get_tasks(network: Network) -> int:
    """Of the last request; 0: it was fulfilled at once."""
    last = network.ledger.state.get_counters().request
    request = network.ledger.state.get_reviewable_request(last)
    return 0 if request is None else request.pending_tasks


def is_full(delta: LedgerDelta, amount: int, hour: int) -> bool:
    """Whether `amount` more would exceed the cap, at the end of the hour."""
    time_ms = (hour + 1) * HOUR_MS - 1
    return compute_cap_tasks(delta, ISSUANCE, "EUR", amount, time_ms) == REVIEW


def test_a_cap_counts_the_last_24_hours() -> None:
    delta = get_delta()
    count_flow(delta, ISSUANCE, "EUR", 60, 10 * HOUR_MS)
    count_flow(delta, ISSUANCE, "EUR", 30, 12 * HOUR_MS)
    assert not is_full(delta, 10, 33)
    assert is_full(delta, 11, 33)
    assert not is_full(delta, 70, 34)
    assert is_full(delta, 71, 34)
    assert not is_full(delta, 100, 36)
    assert is_full(delta, 101, 36)


def test_no_more_than_24_hours_are_kept() -> None:
    delta = get_delta()
    for hour in range(60):
        count_flow(delta, ISSUANCE, "EUR", 1, hour * HOUR_MS)
        count_flow(delta, ISSUANCE, "EUR", 1, hour * HOUR_MS + 1)
    flow = delta.get_asset_flow("EUR", ISSUANCE)
    assert flow is not None
    assert [each.hour for each in flow.buckets] == list(range(36, 60))
    assert {each.amount for each in flow.buckets} == {2}


def test_what_is_taken_back_counts_no_more_while_its_hour_is_kept() -> None:
    delta = get_delta()
    count_flow(delta, ISSUANCE, "EUR", 60, 10 * HOUR_MS)
    count_flow(delta, ISSUANCE, "EUR", 30, 12 * HOUR_MS)
    take_back_flow(delta, ISSUANCE, "EUR", 60, 10 * HOUR_MS)
    assert not is_full(delta, 70, 12)
    assert is_full(delta, 71, 12)
    take_back_flow(delta, ISSUANCE, "EUR", 60, 5 * HOUR_MS)
    assert is_full(delta, 71, 12)


def test_without_a_cap_nothing_is_counted() -> None:
    delta = LedgerDelta(make_economy().ledger.state)
    assert not is_full(delta, 1 << 127, 0)
    count_flow(delta, ISSUANCE, "EUR", 1, 0)
    assert delta.get_asset_flow("EUR", ISSUANCE) is None


def test_an_issuance_beyond_the_cap_waits_for_a_person() -> None:
    network = make_economy()
    set_cap(network, "issuance_cap:EUR", 100)
    network.apply("issuer", issue(network, "alice", "EUR", 100, "one"))
    assert get_tasks(network) == 0
    network.apply("issuer", issue(network, "alice", "EUR", 1, "two"))
    assert get_tasks(network) == REVIEW
    last = network.ledger.state.get_counters().request
    network.apply("master", review(network, last))
    assert network.get_amount("alice", "EUR") == 1_000_101


def test_a_rejected_issuance_leaves_room_for_another() -> None:
    network = make_economy()
    set_cap(network, "issuance_cap:EUR", 100)
    network.apply("issuer", replace(issue(network, "alice", "EUR", 90, "one"), all_tasks=16))
    last = network.ledger.state.get_counters().request
    network.apply("master", review(network, last, ReviewAction.PERMANENT_REJECT))
    network.apply("issuer", issue(network, "alice", "EUR", 100, "two"))
    assert get_tasks(network) == 0


def test_a_withdrawal_beyond_the_cap_has_one_more_task() -> None:
    network = make_economy()
    make_wdr(network)
    network.apply("master", ManageKeyValue("withdrawal_tasks:WDR", PutKeyValue(U32Value(256))))
    set_cap(network, "withdrawal_cap:WDR", 100)
    network.apply("alice", make(network))
    assert get_tasks(network) == 256
    other = replace(make(network, 1), reference=make_reference(network, "other"))
    network.apply("alice", other)
    assert get_tasks(network) == 256 | REVIEW
    first = network.ledger.state.get_counters().request - 1
    network.apply("master", review(network, first, ReviewAction.PERMANENT_REJECT))
    flow = network.ledger.state.get_asset_flow("WDR", WITHDRAWAL)
    assert flow is not None
    assert [each.amount for each in flow.buckets] == [Amount(1)]
