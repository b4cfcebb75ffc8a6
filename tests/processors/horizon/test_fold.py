"""One verified ledger becomes the rows that the tables' descriptions promise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import schemas
from processors.horizon.fold import OPERATION_TYPES, LedgerRows, fold_ledger
from schemas.codec import decode, encode
from schemas.generated.common import Amount, Fee
from schemas.generated.entries import Balance
from schemas.generated.ledger import EffectKind, LedgerBody
from schemas.generated.operations import ReviewAction
from schemas.generated.transactions import (
    Operation,
    OperationResult,
    Transaction,
    TransactionEnvelope,
    TransactionResult,
)
from streams.ledger.balances import compute_movement
from streams.ledger.chain import VerifiedLedger, get_genesis_position, verify_record
from streams.ledger.hashes import compute_hash
from streams.ledger.state_trie import build
from tests.processors.economies import make_varied_network
from tests.streams.ledger.operations.test_create_withdrawal_request import make, make_fee
from tests.support.network import (
    Network,
    get_account,
    make_economy,
    make_reference,
    pay,
    review,
)


def verify(network: Network) -> list[VerifiedLedger]:
    position, ledgers = get_genesis_position(network.network_id), []
    for record in network.records:
        verified = verify_record(position, record, network.genesis_hash)
        position = verified.position
        ledgers.append(verified)
    return ledgers


def fold_last(network: Network) -> LedgerRows:
    return fold_ledger(verify(network)[-1])


def test_types_are_named_as_the_schema_files() -> None:
    stems = {path.stem for path in (Path(schemas.__file__).parent / "operations").glob("*.avsc")}
    assert set(OPERATION_TYPES) == stems
    assert OPERATION_TYPES[6] == "payment"


def test_a_payment() -> None:
    network = make_economy()
    network.close(network.prepare("alice", pay(network, "alice", "bob", "EUR", 7), memo="thanks"))
    rows = fold_last(network)
    sequence = rows.sequence
    first = sequence << 32 | 1 << 12
    alice, bob = get_account("alice"), get_account("bob")
    transaction = rows.transactions[0]
    assert transaction[:2] == (first, sequence)
    assert transaction[4:7] == (alice, b"thanks", "SUCCESS")
    assert transaction[3] == compute_hash(transaction[7])  # type: ignore[arg-type]
    operation = rows.operations[0]
    assert operation[:3] == (first | 1, first, sequence)
    assert operation[4:6] == (alice, "payment")
    assert operation[8] is True
    assert rows.participants == [(alice, first | 1), (bob, first | 1)]
    assert [(m[0], m[1], m[2], m[5], m[6]) for m in rows.movements] == [
        (sequence << 32 | 1, first | 1, alice, "CHARGED", 7),
        (sequence << 32 | 2, first | 1, bob, "FUNDED", 7),
    ]


def test_a_failed_transaction_has_rows_and_its_sources_take_part() -> None:
    network = make_economy()
    bodies = (
        pay(network, "alice", "bob", "EUR", 1),
        Operation(get_account("bob"), pay(network, "bob", "alice", "EUR", 10**20)),
    )
    network.close(network.admit(network.sign(network.build("alice", *bodies), "alice", "bob")))
    rows = fold_last(network)
    assert rows.transactions[0][6] == "FAILED"
    assert [(each[4], each[8]) for each in rows.operations] == [
        (get_account("alice"), False),
        (get_account("bob"), False),
    ]
    assert [account for account, _ in rows.participants] == [
        get_account("alice"),
        get_account("bob"),
    ]
    assert rows.movements == []
    assert rows.changes == {}


def test_every_slice_is_what_its_column_says() -> None:
    for verified in verify(make_varied_network()):
        rows = fold_ledger(verified)
        body = decode(LedgerBody, verified.record.body)
        operations = iter(rows.operations)
        assert len(rows.transactions) == len(body.transactions)
        for row, applied in zip(rows.transactions, body.transactions, strict=True):
            envelope = decode(TransactionEnvelope, applied.envelope)
            transaction = decode(Transaction, envelope.transaction)
            assert row[4:6] == (transaction.source_account, transaction.memo.encode())
            assert row[10] == len(transaction.operations)
            assert decode(TransactionResult, row[8]) == applied.result  # type: ignore[arg-type]
            for operation, result in zip(
                transaction.operations, applied.result.operations, strict=True
            ):
                found = next(operations)
                assert found[4] == (operation.source or transaction.source_account)
                assert decode(Operation, found[6]) == operation  # type: ignore[arg-type]
                assert decode(OperationResult, found[7]) == result  # type: ignore[arg-type]
        assert next(operations, None) is None


def test_ids_ascend_and_never_repeat() -> None:
    folded = [fold_ledger(each) for each in verify(make_varied_network())]
    for name in ("transactions", "operations", "movements"):
        ids = [row[0] for rows in folded for row in getattr(rows, name)]
        assert ids == sorted(set(ids))
    assert len({each for rows in folded for each in rows.participants}) == sum(
        len(rows.participants) for rows in folded
    )


def make_withdrawals() -> Network:
    """One that was paid out with its fee, one that was given back, in one ledger each."""
    network = make_economy()
    make_fee(network)
    fee = Fee(Amount(3), Amount(1))
    for text in ("first", "second"):
        reference = make_reference(network, text)
        network.apply("alice", make(network, fee_max=fee, reference=reference))
    network.apply("master", review(network, 6))
    network.apply("master", review(network, 7, ReviewAction.PERMANENT_REJECT))
    return network


@pytest.mark.parametrize("make_one", [make_varied_network, make_withdrawals])
def test_movements_add_up_to_what_balances_hold(make_one: Callable[[], Network]) -> None:
    """Each also tells what its transaction left."""
    network, held = make_one(), dict[Any, tuple[int, int]]()
    for verified in verify(network):
        rows: list[Any] = fold_ledger(verified).movements
        for place, row in enumerate(rows):
            balance = row[3]
            moved = compute_movement(EffectKind[row[5]], row[6], row[7] + row[8])
            before = held.get(balance, (0, 0))
            held[balance] = (before[0] + moved[0], before[1] + moved[1])
            later = (each for each in rows[place + 1 :] if each[1] >> 12 == row[1] >> 12)
            if row[9] is not None and all(each[3] != balance for each in later):
                assert held[balance] == row[9:11]
    state = network.ledger.state
    balances = [each for each in map(state.get, state.encoded) if isinstance(each, Balance)]
    assert len(balances) > 3
    for each in balances:
        assert held.get(each.balance_id, (0, 0)) == (each.amount, each.locked)


def test_changes_are_the_last_of_each_entry() -> None:
    network = make_varied_network()
    state: dict[bytes, bytes] = {}
    for verified in verify(network):
        for key, after in fold_ledger(verified).changes.items():
            if after is None:
                state.pop(key, None)
            else:
                state[key] = after
    trie = build((compute_hash(key), compute_hash(entry)) for key, entry in state.items())
    assert trie.root == network.ledger.header.state_root


def test_the_genesis_has_entries_and_no_transactions() -> None:
    rows = fold_ledger(verify(Network())[0])
    assert rows.transactions == []
    assert len(rows.changes) > 10
    assert rows.ledger[8] == encode(Network().records[0].certificate)
