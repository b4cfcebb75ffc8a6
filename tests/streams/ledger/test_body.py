"""A body put together from bytes is the encoding of its record."""

from schemas.codec import decode, encode
from schemas.generated.ledger import LedgerBody, LedgerHeader
from streams.ledger.hashes import compute_hash
from tests.support.network import create_account, get_account, make_economy, pay


def test_every_body_of_a_network_is_canonical() -> None:
    network = make_economy()
    network.close()
    network.close(
        network.prepare("alice", pay(network, "alice", "bob", "EUR", 1, "one")),
        network.prepare("alice", pay(network, "alice", "bob", "EUR", 10**9)),
        network.prepare("master", create_account("carol"), create_account("alice")),
    )
    for record in network.records:
        body = decode(LedgerBody, record.body)
        assert encode(body) == record.body
        header = decode(LedgerHeader, record.header)
        assert header.body_hash == compute_hash(record.body)
        assert header.transaction_count == len(body.transactions)


def test_a_body_tells_who_took_part_and_what_changed() -> None:
    network = make_economy()
    closed = network.apply("alice", pay(network, "alice", "bob", "EUR", 1))
    [applied] = decode(LedgerBody, closed.body).transactions
    assert [effect.account_id for effect in applied.effects] == [
        get_account("alice"),
        get_account("bob"),
    ]
    assert len(applied.changes) == 2
    assert all(change.before and change.after for change in applied.changes)
