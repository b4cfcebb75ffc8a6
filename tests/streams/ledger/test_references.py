"""The reference windows: what they refuse, what they forget, what a restart restores."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Reference
from schemas.generated.operations import PaymentCode
from streams.ledger.genesis import open_genesis
from streams.ledger.hashes import ZERO_HASH, compute_hash
from streams.ledger.references import DAY_MS, ReferenceWindow, compute_use_hash
from tests.support.network import make_economy, make_genesis, make_reference, pay

SETTINGS = open_genesis(make_genesis()).ledger.state.get_network_settings()
ALICE, BOB = AccountID(b"a" * 32), AccountID(b"b" * 32)
PAYMENT, ISSUANCE = ReferenceKind.PAYMENT, ReferenceKind.ISSUANCE


def get_outcome(closed: Any) -> Any:
    return closed.applied[0].result.operations[-1].outcome


def test_kinds_senders_and_texts_are_told_apart() -> None:
    window = ReferenceWindow()
    window.use(PAYMENT, ALICE, Reference(5, "rent"), 7)
    assert window.get_first_use(PAYMENT, ALICE, "rent") == 7
    assert window.get_first_use(PAYMENT, ALICE, "rent ") is None
    assert window.get_first_use(PAYMENT, BOB, "rent") is None
    assert window.get_first_use(ISSUANCE, ALICE, "rent") is None
    assert window.get_count(PAYMENT, ALICE, 5) == 1
    assert window.get_count(PAYMENT, ALICE, 6) == 0


def test_the_root_commits_to_kind_day_and_uses_as_documented() -> None:
    window = ReferenceWindow()
    assert window.compute_root() == ZERO_HASH
    window.use(PAYMENT, ALICE, Reference(5, "one"), 7)
    window.use(PAYMENT, BOB, Reference(5, "two"), 7)
    [row] = window.seal()
    uses = sorted((compute_use_hash(ALICE, "one"), compute_use_hash(BOB, "two")))
    running = compute_hash(ZERO_HASH + b"".join(uses))
    assert (row.kind, row.day, row.running, row.is_first) == (PAYMENT, 5, running, True)
    assert window.compute_root() == compute_hash(b"\0" + (5).to_bytes(8, "big") + running)


def test_a_day_is_dropped_when_it_leaves_the_window_of_its_kind() -> None:
    window = ReferenceWindow()
    today = 1_000
    for kind in ReferenceKind:
        window.use(kind, ALICE, Reference(today, "rent"), 7)
    window.seal()
    last_ms = (today + SETTINGS.payment_reference_days + 1) * DAY_MS
    assert window.drop_passed(SETTINGS, last_ms - 1) == []
    assert window.drop_passed(SETTINGS, last_ms) == [(PAYMENT, today)]
    assert window.get_first_use(PAYMENT, ALICE, "rent") is None
    assert window.get_first_use(ISSUANCE, ALICE, "rent") == 7
    last_ms = (today + SETTINGS.issuance_reference_days + 1) * DAY_MS
    assert window.drop_passed(SETTINGS, last_ms) == [(ISSUANCE, today)]
    assert window.compute_root() == ZERO_HASH


def test_what_left_the_window_can_never_be_used_again() -> None:
    network = make_economy()
    payment = replace(
        pay(network, "alice", "bob", "EUR", 1), reference=make_reference(network, "x")
    )
    network.apply("alice", payment)
    days = SETTINGS.payment_reference_days
    for _ in range(days):
        network.close(interval_ms=DAY_MS)
    assert get_outcome(network.apply("alice", payment)) is PaymentCode.REFERENCE_DUPLICATION
    network.close(interval_ms=DAY_MS)
    assert network.ledger.state.references.get_first_use(PAYMENT, ALICE, "x") is None
    assert get_outcome(network.apply("alice", payment)) is PaymentCode.REFERENCE_OUT_OF_WINDOW


def test_a_transaction_that_fails_uses_no_reference() -> None:
    network = make_economy()
    before = network.ledger.state.references.compute_root()
    good = pay(network, "alice", "bob", "EUR", 1, "rent")
    closed = network.apply("alice", good, pay(network, "alice", "bob", "EUR", 10**20))
    assert get_outcome(closed) is PaymentCode.UNDERFUNDED
    assert network.ledger.header.reference_window_root == before
    assert closed.reference_rows == ()
    again = network.apply("alice", good, good)
    assert get_outcome(again) is PaymentCode.REFERENCE_DUPLICATION
    network.apply("alice", good)
    assert network.get_amount("bob", "EUR") == 1_000_001


def test_a_payment_with_a_reference_changes_its_two_balances_alone() -> None:
    network = make_economy()
    [applied] = network.apply("alice", pay(network, "alice", "bob", "EUR", 1, "rent")).applied
    assert len(applied.changes) == 2


USES = st.lists(
    st.tuples(
        st.sampled_from(list(ReferenceKind)),
        st.sampled_from([ALICE, BOB]),
        st.integers(1_000, 1_003),
        st.text("ab", min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=30,
)


@given(st.lists(USES, max_size=5))
def test_a_restored_window_is_the_same(ledgers: list[Any]) -> None:
    """Whatever ledgers used or took back, and a model that is a set of used references."""
    window, rows, model = ReferenceWindow(), [], set()
    for sequence, uses in enumerate(ledgers, start=2):
        for kind, account, day, text, is_kept in uses:
            if window.get_first_use(kind, account, text) is not None:
                assert (kind, account, text) in model
                continue
            assert (kind, account, text) not in model
            window.use(kind, account, Reference(day, text), sequence)
            if is_kept:
                model.add((kind, account, text))
            else:
                window.take_back(kind, day)
        rows += [(sequence, row) for row in window.seal()]
    restored = ReferenceWindow()
    restored.restore(rows)
    assert restored.compute_root() == window.compute_root()
    for kind, account, text in model:
        first = window.get_first_use(kind, account, text)
        assert restored.get_first_use(kind, account, text) == first is not None
    for day in range(1_000, 1_004):
        assert restored.get_count(PAYMENT, ALICE, day) == window.get_count(PAYMENT, ALICE, day)
